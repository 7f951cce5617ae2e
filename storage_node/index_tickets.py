"""Looks at the tickets that were used, on a connection of the index. Pure SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from atoll.model import AssetRecord


def stored_with(ticket_id: str, file: int) -> Callable[[sqlite3.Connection], AssetRecord | None]:
    """The record that this file of a ticket became; None when it was not used, or that was deleted since."""

    def look(db: sqlite3.Connection) -> AssetRecord | None:
        row = db.execute(
            "SELECT r.body FROM tickets t JOIN records r ON r.asset_id = t.asset_id AND r.version = t.version"
            " WHERE t.ticket_id = ? AND t.file = ?",
            (ticket_id, file),
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=AssetRecord)

    return look
