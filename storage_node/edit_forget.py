"""Deleting one version of an asset: an operation of the group commit.

The tombstone has an id of its own, made from asset and version, and says nothing that depends on when or
where it was made: two regions that delete the same version at once make the same tombstone.
"""

from __future__ import annotations

import sqlite3

from atoll.asset_edits import EditResult, ForgetVersion
from atoll.events import AssetDeleted
from atoll.ids import version_id
from atoll.model import Tombstone
from storage_node.edit_rows import version_of
from storage_node.index_deletes import known_tombstone, put_tombstone
from storage_node.index_rows import put_event
from storage_node.index_writer import Operation
from storage_node.origin import Origin


def forget_version(edit: ForgetVersion, origin: Origin) -> Operation[EditResult]:
    """The version and all that was ever said of it are gone for good; repeating it changes nothing."""

    def operation(db: sqlite3.Connection) -> EditResult:
        known = known_tombstone(db, version_id(edit.asset_id, edit.version))
        if known is not None:
            return EditResult(origin.node, (), (known,))
        record = version_of(db, edit.asset_id, edit.version)
        stone = Tombstone(
            asset_id=version_id(edit.asset_id, record.content_version),
            bucket=record.bucket,
            public_id=record.public_id,
            set=record.set,
            version=record.content_version,
            deleted_at=origin.now_ms(),
            of=edit.asset_id,
        )
        put_tombstone(db, stone, stone.deleted_at, origin.moved_seconds)
        put_event(db, AssetDeleted(**origin.stamp(stone.deleted_at), tombstone=stone))
        return EditResult(origin.node, (), (stone,))

    return operation
