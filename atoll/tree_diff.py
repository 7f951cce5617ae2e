"""What follows from two nodes' answers about the same range of a tree. Pure.

`here` is the node that may lack something, `there` the one that may have it. Answers come from peers and
are checked: a range has no children or 256 of them, an item lies in the leaf it was given for.
Called by tree_walk.py, which asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from atoll.errors import UpstreamFailed
from atoll.repair_api import (
    FAN_OUT,
    AssetItem,
    BlobItem,
    LeafItems,
    Tree,
    TreeDigest,
    leaf_of_asset,
    leaf_of_blob,
)

_NOTHING = ("",) * FAN_OUT


@dataclass(frozen=True, slots=True)
class Leaf:
    """One of the 65,536 leaves of a tree, with its digest here and there (empty: no items)."""

    tree: Tree
    number: int
    here: str
    there: str

    @property
    def prefix(self) -> str:
        """Its four hex digits."""
        return f"{self.number:04x}"


@dataclass(frozen=True, slots=True)
class LeafDifference:
    """All items of a leaf in which two nodes differ; the items of the other tree are empty."""

    leaf: Leaf
    assets_here: frozenset[AssetItem] = frozenset()
    assets_there: frozenset[AssetItem] = frozenset()
    blobs_here: frozenset[BlobItem] = frozenset()
    blobs_there: frozenset[BlobItem] = frozenset()

    @property
    def missing_assets(self) -> list[AssetItem]:
        """What only the other node has, in order."""
        return sorted(self.assets_there - self.assets_here)

    @property
    def missing_blobs(self) -> list[BlobItem]:
        """The same of blobs, told apart as the tree tells them: by bucket and hash."""
        held = {(blob.bucket, blob.sha256) for blob in self.blobs_here}
        return sorted(b for b in self.blobs_there if (b.bucket, b.sha256) not in held)


def children_of(digest: TreeDigest) -> tuple[str, ...]:
    """The 256 digests below a range. `UpstreamFailed` for an answer that is no such range."""
    if not digest.digest:
        return _NOTHING
    if len(digest.children) != FAN_OUT:
        raise UpstreamFailed(f"A range of a tree has {FAN_OUT} children, not {len(digest.children)}.")
    return digest.children


def differing(here: TreeDigest, there: TreeDigest) -> Iterator[tuple[int, str, str]]:
    """The children that differ and are not empty there: their number, their digests here and there.

    A child that is empty there holds nothing that could be missing here.
    """
    for number, (a, b) in enumerate(zip(children_of(here), children_of(there), strict=True)):
        if a != b and b:
            yield number, a, b


def items_of(leaf: Leaf, pages: Iterable[LeafItems]) -> tuple[frozenset[AssetItem], frozenset[BlobItem]]:
    """A leaf's items. `UpstreamFailed` when one of them belongs elsewhere."""
    pages = list(pages)
    assets = frozenset(item for page in pages for item in page.assets)
    blobs = frozenset(item for page in pages for item in page.blobs)
    if any(leaf_of_asset(item.asset_id) != leaf.number for item in assets) or any(
        leaf_of_blob(item.sha256) != leaf.number for item in blobs
    ):
        raise UpstreamFailed(f"An item was given for leaf {leaf.prefix} that does not belong there.")
    return assets, blobs
