"""Exports go with what is in them: an archive is removed before an erasure of what it holds is confirmed.

Called by removals.py, when a blob's bytes are erased (not when they go to the trash), and by bucket_routes.py
before a node says that it has nothing left of a bucket. The job is told first, durably, so that its view will
show no URL; then the files go. Each step may be repeated. Blocks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from atoll.events import JobTask
from atoll.jobs import TaskOutcome, export_task
from storage_node.disk_errors import ours
from storage_node.index import Index
from storage_node.index_rows import put_event
from storage_node.jobs.export_files import ExportFiles
from storage_node.origin import Origin
from storage_node.store import BlobKey


class ExportRemoval:
    """`files` are those of the node's processor."""

    def __init__(self, files: ExportFiles, index: Index, origin: Origin) -> None:
        self._files, self._index, self._origin = files, index, origin

    def of_blob(self, key: BlobKey) -> None:
        """Remove the archives that it is in. `StoreFailed`."""
        with ours:
            self._remove(self._files.holding(key.bucket, key.sha256))

    def of_bucket(self, bucket: str) -> None:
        """Remove all of its archives. `StoreFailed`."""
        with ours:
            self._remove(self._files.holding(bucket))

    def _remove(self, names: Sequence[str]) -> None:
        if names:
            self._index.write(lambda db: self._tell(db, names)).result()
            self._files.remove(names)

    def _tell(self, db: sqlite3.Connection, names: Sequence[str]) -> None:
        for name in names:
            if (task := export_task(name)) is not None:
                outcome = TaskOutcome(*task, "running", 0, removed=True)
                put_event(db, JobTask(**self._origin.stamp(self._origin.now_ms()), outcome=outcome))
