"""What the index tells of assets fits its page, and page after page it tells all."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from index_maker import HandOrigin, a_ticket, opened, upload

from atoll.node_api import DeleteOrder
from atoll.repair_api import StatesOrder
from atoll.state_pages import state_parts
from storage_node.index import Index
from storage_node.index_deletes import make_tombstone
from storage_node.index_states import newest_state, states_page

HAND = HandOrigin()


def filled(index: Index, counts: list[int]) -> list[str]:
    """Assets with so many versions, the first of them deleted once; their ids."""
    asset_ids = [a_ticket().asset_id for _ in counts]
    for asset_id, count in zip(asset_ids, counts, strict=True):
        for number in range(count):
            HAND.now += 1
            record = upload(index, HAND.origin, b"%d" % number, a_ticket(asset_id=asset_id))
            if number == 0 and asset_id == asset_ids[0]:
                order = DeleteOrder(asset_id, record.bucket, record.public_id, record.set, 60)
                index.write(make_tombstone(order, HAND.origin)).result(20)
    return asset_ids


@pytest.mark.parametrize("room", [0, 400, 1500, 4000, 2**20])
async def test_page_after_page_all_is_told_and_no_page_is_much_longer_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr("storage_node.index_states.STATES_BYTES", room)
    sizes: list[int] = []
    with opened(tmp_path) as index:
        asset_ids = [*filled(index, [6, 1, 25]), a_ticket().asset_id]
        whole = [index.asset(asset_id) for asset_id in asset_ids]
        longest = max(len(msgspec.json.encode(record)) for state in whole for record in state.records)

        async def ask(order: StatesOrder):
            page = index.read(lambda db: states_page(db, order))
            sizes.append(len(msgspec.json.encode(page)))
            return page

        parts = [part async for part in state_parts(ask, asset_ids)]
        for asset_id, state in zip(asset_ids, whole, strict=True):
            own = [part for told, part in parts if told == asset_id]
            assert sum((part.records for part in own), ()) == state.records
            assert {part.tombstone for part in own} == {state.tombstone}
            newest = index.read(lambda db, asset_id=asset_id: newest_state(db, asset_id))
            assert newest.tombstone == state.tombstone
            assert newest.records == state.records[: len(newest.records)]
            assert bool(newest.records) == bool(state.records)
    assert whole[0].tombstone
    assert max(sizes) <= room + longest + 800  # a tombstone, and what is between them
    assert (len(sizes) == 1) == (room == 2**20)


def test_what_is_newer_than_where_a_page_begins_is_not_told_again(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        (asset_id,) = filled(index, [5])
        versions = [record.version for record in index.asset(asset_id).records]
        for place, version in enumerate(versions):
            order = StatesOrder((asset_id,), paged=True, before=version)
            (state,) = index.read(lambda db, order=order: states_page(db, order)).states
            assert [record.version for record in state.records] == versions[place + 1 :]
