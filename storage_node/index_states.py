"""What index.db has of assets, as much of it as fits one answer: an asset may have any number of versions.

Looks for `Index.read`, all of one answer in one snapshot. Newest records first, so that who needs only the
current one finds it in any part that begins at the top.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from atoll.model import AssetRecord, Tombstone
from atoll.node_api import AssetState
from atoll.repair_api import STATES_BYTES, StatesOrder, StatesPage

_ABOVE_ALL = "{"  # sorts behind every version


class _Part(NamedTuple):
    """`size`: its bytes. `cut`: it has not all records."""

    state: AssetState
    size: int
    cut: bool


def newest_state(db: sqlite3.Connection, asset_id: str) -> AssetState:
    """The asset's tombstone, and its newest records."""
    return _part(db, asset_id, None, STATES_BYTES).state


def states_page(db: sqlite3.Connection, order: StatesOrder) -> StatesPage:
    """The answer to a paged order."""
    states, before, room = list[AssetState](), order.before, STATES_BYTES
    for asset_id in order.asset_ids:
        part = _part(db, asset_id, before, room)
        states.append(part.state)
        if part.cut:
            return StatesPage(tuple(states), part.state.records[-1].version)
        before, room = None, room - part.size
        if room <= 0:
            break
    return StatesPage(tuple(states))


def _part(db: sqlite3.Connection, asset_id: str, before: str | None, room: int) -> _Part:
    """One record at least: there is no smaller step."""
    stone = db.execute("SELECT body FROM tombstones WHERE asset_id = ?", (asset_id,)).fetchone()
    tombstone = msgspec.json.decode(stone[0], type=Tombstone) if stone else None
    size, bodies, cut = len(stone[0]) if stone else 0, list[bytes](), False
    for (body,) in db.execute(
        "SELECT body FROM records WHERE asset_id = ? AND version < ? ORDER BY version DESC",
        (asset_id, before or _ABOVE_ALL),
    ):
        if cut := bool(bodies) and size + len(body) > room:
            break
        size += len(body)
        bodies.append(body)
    records = tuple(msgspec.json.decode(body, type=AssetRecord) for body in bodies)
    return _Part(AssetState(records, tombstone), size, cut)
