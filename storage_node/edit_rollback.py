"""Rolling an asset back: an operation of the group commit."""

from __future__ import annotations

import sqlite3

from msgspec.structs import replace

from atoll.asset_edits import EditResult, Rollback
from atoll.model import AssetRecord
from storage_node.edit_rows import add_edited, check_held, version_of
from storage_node.index_rows import next_version
from storage_node.index_writer import Operation
from storage_node.origin import Origin


def roll_back(edit: Rollback, origin: Origin) -> Operation[EditResult]:
    """A version of its own, with bytes, tags, context, title and alternative text of the older one.

    History stays as it was: the version it repeats, and those in between, can be deleted or gone back to.
    Where the current version is like the older one already, none is made: who repeats a rollback because the
    answer was lost gets what the first one made.
    """

    def operation(db: sqlite3.Connection) -> EditResult:
        now, older = origin.now_ms(), version_of(db, edit.asset_id, edit.version)
        check_held(db, older.blob)
        current = version_of(db, edit.asset_id, None)
        if current.version >= (edit.seen or "") and _alike(current, older):
            return EditResult(origin.node, (current,))
        version = next_version(db, edit.asset_id, now, edit.seen or "")
        record = replace(older, version=version, content=None, created_at=now)
        add_edited(db, record, origin, now)
        return EditResult(origin.node, (record,))

    return operation


def _alike(current: AssetRecord, older: AssetRecord) -> bool:
    """Whether all but the time is the same."""
    same = replace(older, version=current.version, content=current.content, created_at=current.created_at)
    return same == current
