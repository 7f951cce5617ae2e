"""Whether a node may leave: every image of it confirmed on every other active node of its set, asked now.

Compares the trees of the leaving node with those of each node that stays (atoll/tree_walk.py): equal digests
prove equality without listing anything, differences are counted. A node that cannot be asked confirms
nothing. The order matters: first the leaving node must have said by itself that it is draining and that no
upload is under way there, then it is compared; so nothing can be acknowledged there after the look. Called
by membership_api; keeps nothing between calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from atoll.cluster import ClusterMap
from atoll.errors import AtollError
from atoll.health import HealthTable
from atoll.heartbeat import Heartbeat
from atoll.model import Node
from atoll.repair_api import Roots
from atoll.tree_walk import Trees, differences

MOST_COUNTED = 5_000  # missing things per node; beyond them the number is "at least"
SECONDS = 30.0


class Confirmation(Struct, frozen=True):
    """What one staying node still lacks of the leaving one; `more`: at least that, it was not counted on."""

    node: str
    region: str
    missing_images: int = 0
    missing_records: int = 0
    more: bool = False
    unasked: str | None = None

    @property
    def complete(self) -> bool:
        return not (self.missing_images or self.missing_records or self.more or self.unasked)


class DrainView(Struct, frozen=True):
    """How far a drain is. `done`: the node may be removed. `waiting_for` says in words what is not so yet."""

    node: str
    set: str
    state: str
    images: int | None
    confirmed: int | None
    done: bool
    waiting_for: list[str]
    others: list[Confirmation]


class DrainProof:
    """Asks the nodes. `trees` gives a node's trees."""

    def __init__(
        self, cluster: Callable[[], ClusterMap], health: HealthTable, trees: Callable[[Node], Trees]
    ) -> None:
        self._cluster, self._health, self._trees = cluster, health, trees

    async def of(self, node: Node) -> DrainView:
        """The state of now; takes a while when much differs."""
        staying = [
            n for n in self._cluster().members(node.set) if n.name != node.name and n.state == "active"
        ]
        beat = self._health.heartbeat(node.name)  # before the trees: see above
        roots = await self._roots(node)
        others = await asyncio.gather(*(self._confirm(node, other) for other in staying))
        images = roots.blobs.items if isinstance(roots, Roots) else None
        unused = not staying and await self.unused(node.set)
        waiting = waiting_for(node, beat, roots, others, unused=unused)
        waiting += self._companions(node) if unused else []
        worst = max((o.missing_images for o in others if not o.unasked), default=0)
        known = images is not None and others and not any(o.unasked or o.more for o in others)
        return DrainView(
            node=node.name,
            set=node.set,
            state=node.state,
            images=images,
            confirmed=max(0, images - worst) if known and images is not None else None,
            done=not waiting,
            waiting_for=waiting,
            others=list(others),
        )

    async def unused(self, set_name: str) -> bool:
        """Whether a sealed set has never held anything, by the word of every member that is left.

        Of deletes tombstones stay, so a set that was emptied is not unused: its receipts would be gone.
        """
        sealed = self._cluster().sets.get(set_name)
        members = self._cluster().members(set_name)
        if sealed is None or not sealed.sealed or not members:
            return False
        found = await asyncio.gather(*(self._roots(node) for node in members))
        return all(
            isinstance(roots, Roots) and not (roots.blobs.items or roots.assets.items or roots.unchecked)
            for roots in found
        )

    def _companions(self, node: Node) -> list[str]:
        """What the others of an unused set may still do: with a ticket of before it was sealed, an upload."""
        others = [n for n in self._cluster().members(node.set) if n.name != node.name]
        return [word for other in others for word in _unsettled(other, self._health.heartbeat(other.name))]

    async def _roots(self, node: Node) -> Roots | AtollError:
        try:
            return await self._trees(node).roots()
        except AtollError as error:  # told in the view
            return error

    async def _confirm(self, leaving: Node, other: Node) -> Confirmation:
        images = records = 0
        try:
            async with asyncio.timeout(SECONDS):
                async for leaf in differences(self._trees(other), self._trees(leaving), "blobs"):
                    images += len(set(leaf.blobs_there) - set(leaf.blobs_here))
                    if images >= MOST_COUNTED:
                        return Confirmation(other.name, other.region, images, records, more=True)
                async for leaf in differences(self._trees(other), self._trees(leaving), "assets"):
                    records += len(set(leaf.assets_there) - set(leaf.assets_here))
                    if records >= MOST_COUNTED:
                        return Confirmation(other.name, other.region, images, records, more=True)
        except AtollError as error:  # told in the view
            return Confirmation(other.name, other.region, images, records, unasked=error.detail[:200])
        except TimeoutError:
            return Confirmation(other.name, other.region, images, records, more=True)
        return Confirmation(other.name, other.region, images, records)


def waiting_for(
    node: Node,
    beat: Heartbeat | None,
    roots: Roots | AtollError,
    others: Sequence[Confirmation],
    *,
    unused: bool = False,
) -> list[str]:
    """What is not so yet, in words; empty when the node may leave. Pure.

    `unused`: nobody stays, and there is nothing to stay for.
    """
    waiting = [*_unsettled(node, beat)]
    if isinstance(roots, AtollError):
        waiting.append(f"{node.name} cannot be asked: {roots.detail}")
    elif roots.unchecked:
        waiting.append(f"{node.name} has not looked at all its images since its index was made anew")
    if not others and not unused:
        waiting.append(f"no other active node in set {node.set}")
    return waiting + [f"{o.node}: {_lacks(o)}" for o in others if not o.complete]


def _unsettled(node: Node, beat: Heartbeat | None) -> Iterator[str]:
    """Why the node may still acknowledge something, or has not told of all it did."""
    if node.state == "active":
        yield f"{node.name} is not draining: it may take an upload at any moment"
    elif beat is not None and beat.state != "draining":
        yield f"{node.name} has not said yet that it is draining"
    if beat is not None and beat.uploads:
        yield f"{node.name} has {beat.uploads} uploads under way"
    if beat is None or beat.outbox:
        yield f"{node.name} has events that its stream does not have yet"


def _lacks(other: Confirmation) -> str:
    if other.unasked:
        return f"cannot be asked: {other.unasked}"
    most = "at least " if other.more else ""
    return f"lacks {most}{other.missing_images} images and {other.missing_records} records"
