"""Digests of what this node holds, fresh when asked. Blocking; runs in the node's reader threads.

Commits note the leaves they touch (touched_leaves.py). Who asks for a digest first makes those anew: reads
their rows and hashes them here, outside the index's writer, which only takes the results. So the cost is
that of what changed, and an upload never waits for a hash. One thread at a time does this: it takes leaves
off the list first and reads their rows after that, so that whatever it did not see is on the list again.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import cast

from atoll.repair_api import LeafItems, Roots, Tree, TreeDigest
from storage_node import index_digests, touched_leaves
from storage_node.index import Index
from storage_node.touched_leaves import Span

_AT_ONCE = 512  # leaves in one commit: a few milliseconds of the writer
_MOST_ROUNDS = 1024  # a busy node may touch leaves for ever; what comes later is for the next who asks


class Digests:
    """Answers for one index; `node` is whose it is."""

    def __init__(self, index: Index, node: str) -> None:
        self._index, self._node = index, node
        self._refreshing = threading.Lock()
        self.leaves_made = 0

    def roots(self) -> Roots:
        """Both roots, without children."""
        self.refresh()
        assets = self._index.read(lambda db: index_digests.root(db, "assets"))
        blobs = self._index.read(lambda db: index_digests.root(db, "blobs"))
        return Roots(self._node, _alone(assets), _alone(blobs), self._index.read(_unchecked))

    def tree(self, tree: Tree) -> TreeDigest:
        """A root with its branches."""
        self.refresh()
        return self._index.read(lambda db: index_digests.root(db, tree))

    def branch(self, tree: Tree, branch: int) -> TreeDigest:
        """A branch with its leaves."""
        place = branch.to_bytes(1)
        with self._refreshing:  # only its own leaves: a walk asks for one branch after the other
            self._make_leaves(Span(tree, place + b"\x00", place + b"\xff"))
        return self._index.read(lambda db: index_digests.branch_of(db, tree, branch))

    def leaf(self, tree: Tree, leaf: int, after: str | None, limit: int) -> LeafItems:
        """A page of the items of a leaf, from the rows themselves."""
        page = index_digests.leaf_blobs if tree == "blobs" else index_digests.leaf_assets
        return self._index.read(lambda db: page(db, leaf, after, limit))

    def refresh(self) -> None:
        """Make anew what was touched before this call."""
        with self._refreshing:
            self._make_leaves(None)
            branches = self._index.read(index_digests.make_branches)
            if branches:
                self._index.write(index_digests.keep_branches(branches)).result()

    def _make_leaves(self, span: Span | None) -> None:
        for _ in range(_MOST_ROUNDS):
            if self._some(span) < _AT_ONCE:
                break

    def _some(self, span: Span | None) -> int:
        taken = self._index.write(touched_leaves.take(_AT_ONCE, span)).result()
        if taken:
            made = self._index.read(
                lambda db: [index_digests.digested(db, cast(Tree, tree), leaf) for tree, leaf in taken]
            )
            self._index.write(index_digests.keep_leaves(made)).result()
            self.leaves_made += len(made)
        return len(taken)


def _unchecked(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM unchecked)").fetchone()[0])


def _alone(digest: TreeDigest) -> TreeDigest:
    return TreeDigest(digest.digest, digest.items)
