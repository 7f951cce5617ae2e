"""A node's two trees over sets in memory, made by the same functions as a real node's. Counts what it says.

The `Trees` of atoll/tree_walk.py; the stand-in node answers with it too.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from atoll.repair_api import (
    FAN_OUT,
    AssetItem,
    BlobItem,
    LeafItems,
    Roots,
    Tree,
    TreeDigest,
    digest_of_assets,
    digest_of_blobs,
    digest_of_children,
    leaf_of_asset,
    leaf_of_blob,
)


class MemoryTrees:
    """`page_items` is how many items of a leaf one answer has."""

    def __init__(
        self,
        name: str = "memory",
        assets: Iterable[AssetItem] = (),
        blobs: Iterable[BlobItem] = (),
        page_items: int = 1000,
    ) -> None:
        self.name, self.page_items = name, page_items
        self.assets, self.blobs = set(assets), set(blobs)
        self.said = 0  # bytes of all answers
        self.asked: list[str] = []

    async def roots(self) -> Roots:
        self.asked.append("roots")
        a, b = self._root("assets"), self._root("blobs")
        bare = [TreeDigest(x.digest, x.items) for x in (a, b)]
        return self._say(Roots(self.name, *bare))

    async def range(self, tree: Tree, prefix: str) -> TreeDigest:
        self.asked.append(f"{tree}/{prefix}")
        if not prefix:
            return self._say(self._root(tree))
        return self._say(self._branch(self._leaves(tree), tree, int(prefix, 16)))

    async def page(self, tree: Tree, leaf: str, after: str | None) -> LeafItems:
        self.asked.append(f"{tree}/{leaf}")
        items = sorted(self._leaves(tree).get(int(leaf, 16), []))
        start = int((after or "from 0").removeprefix("from "))
        page = tuple(items[start : start + self.page_items])
        end = start + self.page_items
        more = f"from {end}" if end < len(items) else None
        if tree == "assets":
            return self._say(LeafItems(assets=page, after=more))
        return self._say(LeafItems(blobs=page, after=more))

    def _say(self, answer):
        self.said += len(msgspec.json.encode(answer))
        return answer

    def _leaves(self, tree: Tree) -> dict[int, list]:
        leaves: dict[int, list] = {}
        if tree == "assets":
            for asset in self.assets:
                leaves.setdefault(leaf_of_asset(asset.asset_id), []).append(asset)
        else:
            for blob in self.blobs:
                leaves.setdefault(leaf_of_blob(blob.sha256), []).append(blob)
        return leaves

    def _branch(self, leaves: dict[int, list], tree: Tree, branch: int) -> TreeDigest:
        digest = digest_of_assets if tree == "assets" else digest_of_blobs
        below = [leaves.get(branch * FAN_OUT + n, []) for n in range(FAN_OUT)]
        children = tuple(digest(items) for items in below)
        whole = digest_of_children(children)
        return TreeDigest(whole, sum(map(len, below)), children if whole else ())

    def _root(self, tree: Tree) -> TreeDigest:
        leaves = self._leaves(tree)
        filled = {leaf // FAN_OUT for leaf in leaves}
        branches = {n: self._branch(leaves, tree, n) for n in filled}
        children = tuple(branches[n].digest if n in branches else "" for n in range(FAN_OUT))
        whole = digest_of_children(children)
        counts = tuple(branches[n].items if n in branches else 0 for n in range(FAN_OUT))
        return TreeDigest(whole, sum(counts), *((children, counts) if whole else ()))
