"""One branch of a set's trees, read from every member: what all of them together hold, and who lacks what.

Owns putting many nodes' leaves together; a node that fails while it is read counts as not asked for the
whole branch, never as empty. Leaves in which all asked nodes agree are counted, not listed, unless everything
is to be listed. Called by verification and by catalog repair.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from atoll.errors import AtollError
from atoll.model import Node
from atoll.repair_api import FAN_OUT, AssetItem, BlobItem, Tree, TreeDigest
from atoll.tree_diff import Leaf, children_of, items_of
from atoll.tree_walk import Trees, pages_of

LEAVES_AT_ONCE = 16


@dataclass(frozen=True)
class BranchDigests:
    """What each asked node said of the branch; why others could not be asked."""

    tree: Tree
    branch: int
    said: Mapping[str, TreeDigest]
    unasked: dict[str, str] = field(default_factory=dict)

    def leaves(self, *, everything: bool) -> list[int]:
        """The numbers of the leaves to list: those that differ, or all that anybody has something in."""
        rows = [children_of(digest) for digest in self.said.values()]
        if not rows:
            return []
        columns = enumerate(zip(*rows, strict=True))
        wanted = [n for n, column in columns if any(column) and (everything or len(set(column)) > 1)]
        return [self.branch * FAN_OUT + n for n in wanted]


class BranchReader:
    """`trees` gives a node's trees."""

    def __init__(self, trees: Callable[[Node], Trees]) -> None:
        self._trees = trees

    async def digests(self, members: Sequence[Node], tree: Tree, branch: int) -> BranchDigests:
        """The branch's digests on every member."""
        prefix = f"{branch:02x}"
        answers = await asyncio.gather(*(self._range(node, tree, prefix) for node in members))
        said = {n.name: a for n, a in zip(members, answers, strict=True) if isinstance(a, TreeDigest)}
        unasked = {n.name: a for n, a in zip(members, answers, strict=True) if isinstance(a, str)}
        return BranchDigests(tree, branch, said, unasked)

    async def roots(self, members: Sequence[Node], tree: Tree) -> Mapping[str, TreeDigest]:
        """The roots with their branches, of the members that could be asked."""
        answers = await asyncio.gather(*(self._range(node, tree, "") for node in members))
        return {n.name: a for n, a in zip(members, answers, strict=True) if isinstance(a, TreeDigest)}

    async def blobs(
        self, members: Sequence[Node], digests: BranchDigests, *, everything: bool
    ) -> AsyncIterator[Mapping[str, frozenset[BlobItem]]]:
        """The items of each leaf, by node."""
        async for leaf in self._items(members, digests, everything=everything):
            yield {name: blobs for name, (_, blobs) in leaf.items()}

    async def assets(
        self, members: Sequence[Node], digests: BranchDigests, *, everything: bool
    ) -> AsyncIterator[Mapping[str, frozenset[AssetItem]]]:
        """The items of each leaf, by node."""
        async for leaf in self._items(members, digests, everything=everything):
            yield {name: assets for name, (assets, _) in leaf.items()}

    async def _items(
        self, members: Sequence[Node], digests: BranchDigests, *, everything: bool
    ) -> AsyncIterator[Mapping[str, tuple[frozenset[AssetItem], frozenset[BlobItem]]]]:
        asked = [node for node in members if node.name in digests.said]
        numbers = digests.leaves(everything=everything)
        for start in range(0, len(numbers), LEAVES_AT_ONCE):
            batch = numbers[start : start + LEAVES_AT_ONCE]
            for leaf in await asyncio.gather(*(self._leaf(asked, digests, number) for number in batch)):
                yield leaf

    async def _leaf(
        self, asked: Sequence[Node], digests: BranchDigests, number: int
    ) -> Mapping[str, tuple[frozenset[AssetItem], frozenset[BlobItem]]]:
        lists = await asyncio.gather(*(self._list(node, digests, number) for node in asked))
        return {n.name: items for n, items in zip(asked, lists, strict=True) if items is not None}

    async def _list(
        self, node: Node, digests: BranchDigests, number: int
    ) -> tuple[frozenset[AssetItem], frozenset[BlobItem]] | None:
        digest = children_of(digests.said[node.name])[number % FAN_OUT]
        leaf = Leaf(digests.tree, number, digest, digest)
        try:
            return items_of(leaf, await pages_of(self._trees(node), leaf, digest))
        except AtollError as error:
            digests.unasked[node.name] = error.detail[:200]
            return None

    async def _range(self, node: Node, tree: Tree, prefix: str) -> TreeDigest | str:
        try:
            digest = await self._trees(node).range(tree, prefix)
            children_of(digest)  # an answer that is no range counts as none
        except AtollError as error:
            return error.detail[:200]
        return digest
