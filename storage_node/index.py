"""What the node knows of its disk, and its one writer: home of the whole node.

Reads are index_reads.py's; writes are operations for index_writer.py.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from storage_node import touched_leaves
from storage_node.index_errors import our_error
from storage_node.index_journal import IndexJournal
from storage_node.index_reads import BlobChunks as BlobChunks
from storage_node.index_reads import Counts as Counts
from storage_node.index_reads import HeldBlob as HeldBlob
from storage_node.index_reads import IndexReads
from storage_node.index_schema import connect, prepare
from storage_node.index_writer import Committed, IndexWriter, Operation, ignore

T = TypeVar("T")


class Index(IndexReads):
    """One node's index.db."""

    def __init__(
        self,
        path: Path,
        node: str,
        committed: Committed = ignore,
        journal: IndexJournal | None = None,
    ) -> None:
        """ValueError for a file of another node or a later schema, `StoreFailed` for one that is no index."""
        super().__init__(path)
        try:
            connection = connect(path)
            prepare(connection, node)
            touched_leaves.watch(connection)
            if journal is not None:
                journal.begin(connection)
        except sqlite3.Error as error:
            raise our_error(error) from error
        self.journal = journal
        self._writer = IndexWriter(connection, committed, companion=journal)

    def write(self, operation: Operation[T]) -> Future[T]:
        """Run `operation` (see index_ops.py) in the next group commit; the result is durable."""
        return self._writer.submit(operation)

    def close(self) -> None:
        """Commit what waits and close all connections."""
        self._writer.close(touched_leaves.put_away)
        if self.journal is not None:
            self.journal.close()
        super().close()
