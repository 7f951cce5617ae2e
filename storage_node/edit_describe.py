"""Other tags, context, title or alternative text for an asset: an operation of the group commit."""

from __future__ import annotations

import sqlite3

from msgspec.structs import replace

from atoll.asset_edits import Describe, EditResult
from atoll.descriptions import patched
from atoll.errors import Conflict, PreconditionFailed
from atoll.model import AssetRecord
from storage_node.edit_rows import add_edited, version_of
from storage_node.index_rows import next_version
from storage_node.index_writer import Operation
from storage_node.origin import Origin


def describe(edit: Describe, origin: Origin) -> Operation[EditResult]:
    """A record of its own with the same bytes: no new version of the image. Reads and writes in one commit,
    so that of two edits at once on this node the second is of what the first made.

    What changes nothing makes no record.
    """

    def operation(db: sqlite3.Connection) -> EditResult:
        current = version_of(db, edit.asset_id, None)
        _check_known(current, edit)
        now, words = origin.now_ms(), patched(current, edit.patch)
        if words == current:
            return EditResult(origin.node, (current,))
        version = next_version(db, edit.asset_id, now, edit.seen or "")
        record = replace(words, version=version, content=current.content_version)
        add_edited(db, record, origin, now)
        return EditResult(origin.node, (record,))

    return operation


def _check_known(current: AssetRecord, edit: Describe) -> None:
    """That `current` is no older than what was seen: its bytes and words would become new again."""
    expected = edit.expected
    if expected is not None and current.version > expected:
        raise PreconditionFailed(
            "The asset has changed since.", asset_id=edit.asset_id, version=current.version, expected=expected
        )
    if current.version < max(edit.seen or "", expected or ""):
        raise Conflict("This node has not heard of the asset's newest version yet.", asset_id=edit.asset_id)
