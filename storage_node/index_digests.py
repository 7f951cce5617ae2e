"""The rows behind the two trees of atoll/repair_api.py, and the digests kept of them. SQL only.

A digest is always made from all rows of its leaf, in one snapshot; see digests.py for who does it when.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from atoll.repair_api import (
    FAN_OUT,
    AssetItem,
    BlobItem,
    LeafItems,
    Tree,
    TreeDigest,
    digest_of_assets,
    digest_of_blobs,
    digest_of_children,
)
from storage_node import touched_leaves
from storage_node.index_writer import Operation

_HIGHEST = b"\xff" * 33  # above every hash


class Digested(NamedTuple):
    """A leaf's digest as made from one snapshot."""

    tree: Tree
    leaf: bytes
    digest: str
    items: int


class Branch(NamedTuple):
    """A branch as made from its leaves."""

    tree: Tree
    branch: bytes
    digest: str
    items: int


def digested(db: sqlite3.Connection, tree: Tree, leaf: bytes) -> Digested:
    """A leaf's digest, from its rows."""
    if tree == "blobs":
        blobs = [BlobItem(b, s.hex(), "jpg", 0) for b, s in _names(db, leaf)]  # type and size do not count
        return Digested(tree, leaf, digest_of_blobs(blobs), len(blobs))
    assets = _assets(db, leaf)
    return Digested(tree, leaf, digest_of_assets(assets), len(assets))


def _names(db: sqlite3.Connection, leaf: bytes) -> list[tuple[str, bytes]]:
    return db.execute(
        "SELECT bucket, sha256 FROM blobs WHERE sha256 > ? AND sha256 < ?", _range(leaf)
    ).fetchall()


def _range(leaf: bytes) -> tuple[bytes, bytes]:
    """Bounds of the hashes that begin with `leaf`: a prefix is below all that it begins."""
    number = int.from_bytes(leaf) + 1
    return leaf, number.to_bytes(2) if number < FAN_OUT * FAN_OUT else _HIGHEST


def _assets(db: sqlite3.Connection, leaf: bytes) -> list[AssetItem]:
    records = db.execute("SELECT asset_id, version FROM records WHERE leaf = ?", (leaf,))
    items = [AssetItem(*row) for row in records]
    stones = db.execute("SELECT asset_id, version FROM tombstones WHERE leaf = ?", (leaf,))
    return items + [AssetItem(asset_id, version, deleted=True) for asset_id, version in stones]


def keep_leaves(made: list[Digested]) -> Operation[None]:
    """Take new digests, of all leaves that were taken. Their branches are to be made again."""

    def operation(db: sqlite3.Connection) -> None:
        for tree, leaf, digest, items in made:
            if items:
                db.execute("INSERT OR REPLACE INTO leaves VALUES (?, ?, ?, ?)", (tree, leaf, digest, items))
            else:
                db.execute("DELETE FROM leaves WHERE tree = ? AND leaf = ?", (tree, leaf))
        for tree, branch in {(leaf.tree, leaf.leaf[:1]) for leaf in made}:
            db.execute("DELETE FROM branches WHERE tree = ? AND branch = ?", (tree, branch))
        touched_leaves.done(db)

    return operation


def make_branches(db: sqlite3.Connection) -> list[Branch]:
    """The branches that are to be made again."""
    return [Branch(tree, branch, *_branch(db, tree, branch)) for tree, branch in _missing(db)]


def _missing(db: sqlite3.Connection) -> Iterator[tuple[Tree, bytes]]:
    known = set(db.execute("SELECT tree, branch FROM branches").fetchall())
    trees: tuple[Tree, Tree] = ("assets", "blobs")
    for tree in trees:
        for number in range(FAN_OUT):
            if (tree, number.to_bytes(1)) not in known:
                yield tree, number.to_bytes(1)


def _branch(db: sqlite3.Connection, tree: Tree, branch: bytes) -> tuple[str, int]:
    children, items = _children(db, tree, branch)
    return digest_of_children(children), items


def _children(db: sqlite3.Connection, tree: Tree, branch: bytes) -> tuple[list[str], int]:
    children, items = [""] * FAN_OUT, 0
    rows = db.execute(
        "SELECT leaf, digest, items FROM leaves WHERE tree = ? AND leaf >= ? AND leaf <= ?",
        (tree, branch + b"\x00", branch + b"\xff"),
    )
    for leaf, digest, count in rows:
        children[leaf[1]] = digest
        items += count
    return children, items


def keep_branches(made: list[Branch]) -> Operation[None]:
    """Take new branches, made while nobody took new leaves."""

    def operation(db: sqlite3.Connection) -> None:
        db.executemany("INSERT OR REPLACE INTO branches VALUES (?, ?, ?, ?)", made)

    return operation


def root(db: sqlite3.Connection, tree: Tree) -> TreeDigest:
    """A tree's root with its branches' digests and numbers."""
    children, counts = [""] * FAN_OUT, [0] * FAN_OUT
    for branch, digest, count in db.execute(
        "SELECT branch, digest, items FROM branches WHERE tree = ?", (tree,)
    ):
        children[branch[0]], counts[branch[0]] = digest, count
    found = _digest(children, sum(counts))
    return replace(found, counts=tuple(counts)) if found.items else found


def branch_of(db: sqlite3.Connection, tree: Tree, branch: int) -> TreeDigest:
    """A branch with its leaves' digests."""
    return _digest(*_children(db, tree, branch.to_bytes(1)))


def _digest(children: list[str], items: int) -> TreeDigest:
    return TreeDigest(digest_of_children(children), items, tuple(children) if items else ())


def leaf_blobs(db: sqlite3.Connection, leaf: int, after: str | None, limit: int) -> LeafItems:
    """A page of a leaf of `blobs`, in the order of their names and buckets."""
    low, high = _range(leaf.to_bytes(2))
    sha256, bucket = low, ""
    if after is not None:
        name, _, bucket = after.partition(" ")
        sha256 = bytes.fromhex(name)
    rows = db.execute(
        "SELECT bucket, sha256, ext, size FROM blobs WHERE (sha256, bucket) > (?, ?) AND sha256 < ?"
        " ORDER BY sha256, bucket LIMIT ?",
        (sha256, bucket, high, limit + 1),
    ).fetchall()
    items = tuple(BlobItem(b, s.hex(), ext, size) for b, s, ext, size in rows[:limit])
    more = len(rows) > limit
    return LeafItems(blobs=items, after=f"{items[-1].sha256} {items[-1].bucket}" if more else None)


def leaf_assets(db: sqlite3.Connection, leaf: int, after: str | None, limit: int) -> LeafItems:
    """A page of a leaf of `assets`, in the order of asset_id, version and tombstones last."""
    asset_id, version, deleted = (after or "  ").split(" ")
    rows = db.execute(
        "SELECT asset_id, version, 0 AS deleted FROM records WHERE leaf = ?1"
        " AND (asset_id, version, 0) > (?2, ?3, ?4) UNION ALL"
        " SELECT asset_id, version, 1 AS deleted FROM tombstones WHERE leaf = ?1"
        " AND (asset_id, version, 1) > (?2, ?3, ?4)"
        " ORDER BY asset_id, version, deleted LIMIT ?5",
        (leaf.to_bytes(2), asset_id, version, int(deleted or -1), limit + 1),
    ).fetchall()
    items = tuple(AssetItem(i, v, bool(d)) for i, v, d in rows[:limit])
    last = items[-1] if items else None
    more = len(rows) > limit and last is not None
    return LeafItems(
        assets=items, after=f"{last.asset_id} {last.version} {int(last.deleted)}" if more and last else None
    )
