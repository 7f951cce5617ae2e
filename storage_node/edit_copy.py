"""Copying and renaming assets: new records of the same bytes. Operations of the group commit.

A rename and the tombstone of the old name are one commit. The tombstone covers what was moved and nothing
newer: a version that another region took under the old name meanwhile stays there.
"""

from __future__ import annotations

import sqlite3

from msgspec.structs import replace

from atoll.asset_edits import Copy, EditResult, Rename, Target
from atoll.errors import Conflict, NotFound
from atoll.events import AssetDeleted
from atoll.model import AssetRecord, Tombstone
from storage_node.edit_rows import add_edited, records_of, version_of, versions_of
from storage_node.index_deletes import known_tombstone, put_tombstone
from storage_node.index_naming import check_free
from storage_node.index_rows import next_version, put_event
from storage_node.index_writer import Operation
from storage_node.origin import Origin

# Versions in one commit, which takes about a second for so many: nothing else is committed on the node
# meanwhile, and who ordered it waits five. No setting: with more, uploads would wait longer.
MAX_MOVED = 1000


def copy(edit: Copy, origin: Origin) -> Operation[EditResult]:
    """One version becomes a version of another name."""

    def operation(db: sqlite3.Connection) -> EditResult:
        now, source = origin.now_ms(), version_of(db, edit.asset_id, edit.version)
        if not edit.overwrite:
            check_free(db, edit.to.asset_id, edit.to.public_id)
        record = _moved(db, source, edit.to, now, created_at=now)
        add_edited(db, record, origin, now)
        return EditResult(origin.node, (record,))

    return operation


def rename(edit: Rename, origin: Origin) -> Operation[EditResult]:
    """All versions become versions of another name. Repeating it gives what it gave."""

    def operation(db: sqlite3.Connection) -> EditResult:
        now, versions = origin.now_ms(), versions_of(db, edit.asset_id)
        if not versions:
            return _repeated(db, edit, origin)
        if len(versions) > MAX_MOVED:
            raise Conflict(
                f"An asset of more than {MAX_MOVED} versions is not renamed. Delete some first, or copy it.",
                limit=MAX_MOVED,
                got=len(versions),
            )
        if not edit.overwrite:
            check_free(db, edit.to.asset_id, edit.to.public_id)
        records = tuple(_move(db, version, edit.to, origin, now) for version in reversed(versions))
        stone = _buried(db, edit, records[-1], origin, now)
        return EditResult(origin.node, records, (stone,))

    return operation


def _move(db: sqlite3.Connection, version: AssetRecord, to: Target, origin: Origin, now: int) -> AssetRecord:
    record = _moved(db, version, to, now, created_at=version.created_at)
    add_edited(db, record, origin, now)
    return record


def _moved(
    db: sqlite3.Connection, source: AssetRecord, to: Target, now: int, *, created_at: int
) -> AssetRecord:
    return replace(
        source,
        asset_id=to.asset_id,
        public_id=to.public_id,
        version=next_version(db, to.asset_id, now, to.seen or ""),
        content=None,
        created_at=created_at,
    )


def _buried(db: sqlite3.Connection, edit: Rename, last: AssetRecord, origin: Origin, now: int) -> Tombstone:
    """The old name's tombstone, up to the newest record that is here. No bytes go to the trash."""
    newest = records_of(db, edit.asset_id)[0]
    stone = Tombstone(
        asset_id=edit.asset_id,
        bucket=newest.bucket,
        public_id=newest.public_id,
        set=newest.set,
        version=newest.version,
        deleted_at=now,
        moved_to=last.asset_id,
    )
    put_tombstone(db, stone, now, origin.moved_seconds)
    put_event(db, AssetDeleted(**origin.stamp(now), tombstone=stone))
    return stone


def _repeated(db: sqlite3.Connection, edit: Rename, origin: Origin) -> EditResult:
    stone = known_tombstone(db, edit.asset_id)
    if stone is not None and stone.moved_to == edit.to.asset_id:
        there = versions_of(db, edit.to.asset_id)
        if there:
            return EditResult(origin.node, tuple(reversed(there)), (stone,))
    raise NotFound("There is no such asset.", asset_id=edit.asset_id)
