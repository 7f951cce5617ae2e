"""A set at a glance: both trees' roots of every member; what is alike or empty need not be walked. I/O.

A root tells the digest and the number of items of all 256 branches. Branches in which all members are alike
and no record lacks its bytes are proven by that; branches that are empty on all have nothing to be compared.
All members must be asked: of a set with a silent one nothing is settled, and the walk says who it was. Nor is
anything with a member that does not tell numbers yet, being of an earlier release. Called by verification and
by catalog repair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from atoll.model import Node
from atoll.repair_api import FAN_OUT, Tree, TreeDigest
from atoll.tree_diff import children_of
from query_service.branch_reading import BranchReader
from query_service.testimony import Witnesses

UNHELD = "/internal/v1/unheld"
UNHELD_SECONDS = 15.0  # every record is looked at

Counts = Mapping[str, int]  # by node


@dataclass(frozen=True)
class Survey:
    """What all members said. `unheld`: branches in which a record of some member lacks its bytes."""

    blobs: Mapping[str, TreeDigest]
    assets: Mapping[str, TreeDigest]
    unheld: frozenset[int] = frozenset()

    def alike(self) -> list[int]:
        """The branches that are the same on all members, with all bytes."""
        same = _same(self.blobs) & _same(self.assets)
        return sorted(same - self.unheld)

    def empty(self) -> list[int]:
        """Those in which no member has anything, not even a tombstone."""
        roots = [*self.blobs.values(), *self.assets.values()]
        filled = {n for root in roots for n, digest in enumerate(children_of(root)) if digest}
        return [n for n in range(FAN_OUT) if n not in filled | self.unheld]

    def copies(self, branch: int) -> dict[str, int]:
        """How many blobs each member holds there."""
        return {name: root.counts[branch] if root.items else 0 for name, root in self.blobs.items()}


def _same(roots: Mapping[str, TreeDigest]) -> set[int]:
    columns = enumerate(zip(*(children_of(root) for root in roots.values()), strict=True))
    return {n for n, column in columns if len(set(column)) == 1}


class Surveyor:
    """Asks each member three questions."""

    def __init__(self, reader: BranchReader, witnesses: Witnesses) -> None:
        self._reader, self._witnesses = reader, witnesses

    async def look(self, members: Sequence[Node]) -> Survey | None:
        """None: not all members could be asked, or tell enough; then everything is to be walked."""
        blobs, assets, unheld = await asyncio.gather(
            self._roots(members, "blobs"),
            self._roots(members, "assets"),
            self._witnesses.ask(members, "GET", UNHELD, list[int], seconds=UNHELD_SECONDS),
        )
        if blobs is None or assets is None or unheld.unasked:
            return None
        return Survey(blobs, assets, frozenset(n for said in unheld.said.values() for n in said))

    async def _roots(self, members: Sequence[Node], tree: Tree) -> Mapping[str, TreeDigest] | None:
        said = await self._reader.roots(members, tree)
        whole = len(said) == len(members) and all(_counts(root) for root in said.values())
        return said if whole else None


def _counts(root: TreeDigest) -> bool:
    return not root.items or len(root.counts) == FAN_OUT
