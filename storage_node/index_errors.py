"""SQLite's errors, made ours: once, where index.db is opened, read and written."""

from __future__ import annotations

import sqlite3

from atoll.errors import AtollError, NoSpace
from storage_node.store import StoreFailed


def our_error(error: sqlite3.Error) -> AtollError:
    """SQLite's errors, made ours."""
    if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
        return NoSpace("The node's disk is full. Ask for a ticket to another node.")
    return StoreFailed(f"The node's index failed: {error}")
