"""A storage node that leaves out one fsync: python lax_node.py WHAT --settings FILE

Proof that the stories can fail. WHAT is one of `LAX`, and each leaves out just one of the things that the
durable write path orders; everything else is the real daemon.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import storage_node.disk_names as disk_names
import storage_node.disk_store as disk_store
import storage_node.index as index
import storage_node.journal as journal
import storage_node.staged_file as staged_file
from atoll.daemon_main import daemon_main
from storage_node.app import run
from storage_node.settings import NodeSettings


def _depth(directory: Path | str) -> int:
    """0: blobs/ itself, 1: a bucket, 2: <ab>, 3: <cd>; -1 elsewhere."""
    parts = Path(directory).parts
    return len(parts) - 1 - parts.index("blobs") if "blobs" in parts else -1


def _without_directories(depth: int) -> None:
    fsync_directory = disk_store.fsync_directory

    def lax(path: Path | str) -> None:
        if _depth(path) != depth:
            fsync_directory(path)

    disk_store.fsync_directory = disk_names.fsync_directory = lax


def _without_names() -> None:
    """A blob's name in its folder."""
    _without_directories(3)


def _without_new_folders() -> None:
    """The name of a folder made for a blob."""
    _without_directories(2)


def _without_bytes() -> None:
    """A blob's own bytes."""
    assert staged_file.sync_file
    staged_file.sync_file = lambda descriptor: None


def _without_commits() -> None:
    """The index's log, and the journal line that would make up for it: together they are the commit."""
    connect = index.connect

    def lax(*args: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)  # type: ignore[arg-type]  # passed on
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    index.connect = lax
    journal.os = SimpleNamespace(**{**vars(os), "fdatasync": lambda descriptor: None})  # its own name only


LAX: dict[str, Callable[[], None]] = {
    "a blob's name": _without_names,
    "a new folder's name": _without_new_folders,
    "a blob's bytes": _without_bytes,
    "an index commit": _without_commits,
}

if __name__ == "__main__":
    what = sys.argv.pop(1)
    LAX[what]()
    sys.exit(daemon_main("storage_node", NodeSettings, run))
