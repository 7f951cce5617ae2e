"""The walk over two nodes' trees: where they differ, leaf by leaf, in the order of the hashes. I/O.

Equal trees cost one small answer each. Where they differ the walk descends: the 256 branches, the leaves of
a branch that differs, the items of a leaf that differs. Leaves are asked a few at once and handed over in
order, so that memory does not grow with the trees; whoever takes them sets the pace. Nothing is kept
between walks: a walk that was broken off is begun anew, and what was mended meanwhile is equal by then.
What follows from two answers is in tree_diff.py, how a node is asked in node_trees.py.
Called by the replicator (anti-entropy) and by the query service (drain, verify, catalog).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from atoll.errors import UpstreamFailed
from atoll.repair_api import FAN_OUT, LeafItems, Roots, Tree, TreeDigest
from atoll.tree_diff import Leaf, LeafDifference, differing, items_of

A = TypeVar("A")
B = TypeVar("B")

LEAVES_AT_ONCE = 16
_MOST_PAGES = 10_000  # of a leaf: 10 million items, more than a node can hold in all


class Trees(Protocol):
    """What a walk asks of a node. Every call has a deadline and raises an `AtollError`."""

    async def roots(self) -> Roots:
        """Both trees, without children."""

    async def range(self, tree: Tree, prefix: str) -> TreeDigest:
        """A range with its 256 children: the tree (empty prefix) or a branch (two hex digits)."""

    async def page(self, tree: Tree, leaf: str, after: str | None) -> LeafItems:
        """One page of a leaf's items (four hex digits)."""


async def trees_that_differ(here: Trees, there: Trees) -> list[Tree]:
    """Which of the two trees are not equal: all that is asked of two nodes that hold the same."""
    a, b = await _both(here.roots(), there.roots())
    pairs: list[tuple[Tree, TreeDigest, TreeDigest]] = [
        ("assets", a.assets, b.assets),
        ("blobs", a.blobs, b.blobs),
    ]
    return [tree for tree, x, y in pairs if x.digest != y.digest]


async def differences(
    here: Trees,
    there: Trees,
    tree: Tree,
    *,
    skip: Callable[[Leaf], bool] = lambda _: False,
    at_once: int = LEAVES_AT_ONCE,
) -> AsyncGenerator[LeafDifference, None]:
    """The leaves in which `there` may have what `here` lacks. `skip` passes over leaves by their digests.

    What only `here` has is found by walking the other way round. Raises what `Trees` raises: a walk that
    ends with an error has not seen everything.
    """
    async for leaves in _differing_leaves(here, there, tree, skip):
        for start in range(0, len(leaves), at_once):
            batch = leaves[start : start + at_once]
            for difference in await _all([_leaf(here, there, leaf) for leaf in batch]):
                yield difference


async def _differing_leaves(
    here: Trees, there: Trees, tree: Tree, skip: Callable[[Leaf], bool]
) -> AsyncIterator[Sequence[Leaf]]:
    a, b = await _both(here.range(tree, ""), there.range(tree, ""))
    for branch, _, _ in differing(a, b):
        prefix = f"{branch:02x}"
        x, y = await _both(here.range(tree, prefix), there.range(tree, prefix))
        leaves = [Leaf(tree, branch * FAN_OUT + n, own, other) for n, own, other in differing(x, y)]
        yield [leaf for leaf in leaves if not skip(leaf)]


async def _leaf(here: Trees, there: Trees, leaf: Leaf) -> LeafDifference:
    own, other = await _both(pages_of(here, leaf, leaf.here), pages_of(there, leaf, leaf.there))
    (assets_here, blobs_here), (assets_there, blobs_there) = items_of(leaf, own), items_of(leaf, other)
    return LeafDifference(leaf, assets_here, assets_there, blobs_here, blobs_there)


async def pages_of(trees: Trees, leaf: Leaf, digest: str) -> list[LeafItems]:
    """All items of a leaf; nothing is asked about one that is empty."""
    pages: list[LeafItems] = []
    after: str | None = None
    while digest and len(pages) < _MOST_PAGES:
        page = await trees.page(leaf.tree, leaf.prefix, after)
        pages.append(page)
        if page.after is None:
            return pages
        after = page.after
    if digest:
        raise UpstreamFailed(f"Leaf {leaf.prefix} of {leaf.tree} has no end.")
    return pages


async def _both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Both at once; an error of one ends the other, and is raised as it is."""
    tasks = asyncio.ensure_future(first), asyncio.ensure_future(second)
    await _finish(tasks)
    return tasks[0].result(), tasks[1].result()


async def _all(coroutines: Sequence[Coroutine[Any, Any, A]]) -> list[A]:
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    await _finish(tasks)
    return [task.result() for task in tasks]


async def _finish(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """As a TaskGroup would, without its exception group: callers know an `AtollError` by its class."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
