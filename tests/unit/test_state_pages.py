"""Asking a node about many assets: every record comes once, paged or listed, and nobody asks for ever."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from record_maker import a_record, a_tombstone

from atoll.errors import UpstreamFailed
from atoll.node_api import AssetState
from atoll.repair_api import MAX_STATES, StatesAnswer, StatesOrder, StatesPage
from atoll.state_pages import STATES_AT_ONCE, state_parts

IDS = [f"{number:026}" for number in range(3)]


def held(asset_id: str, versions: int) -> AssetState:
    """A node's state of an asset, newest first."""
    records = (replace(a_record(), asset_id=asset_id, version=f"{n:026}") for n in range(versions, 0, -1))
    return AssetState(tuple(records), replace(a_tombstone(), asset_id=asset_id))


class Paging:
    """A node that gives `most` records in a page."""

    def __init__(self, most: int, *states: AssetState) -> None:
        self.most, self.states = most, dict(zip(IDS, states, strict=False))
        self.orders: list[StatesOrder] = []

    async def ask(self, order: StatesOrder) -> StatesAnswer:
        self.orders.append(order)
        room, parts, before = self.most, list[AssetState](), order.before
        for asset_id in order.asset_ids:
            state = self.states.get(asset_id, AssetState(()))
            records = [record for record in state.records if before is None or record.version < before]
            part = replace(state, records=tuple(records[: max(1, room)]))
            parts.append(part)
            if len(part.records) < len(records):
                return StatesPage(tuple(parts), part.records[-1].version)
            before, room = None, room - len(records)
            if room <= 0:
                break
        return StatesPage(tuple(parts))


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 7, 100])
@pytest.mark.parametrize("counts", [(4, 0, 3), (0, 0, 9), (9, 1, 1), (1, 1, 1)])
async def test_every_record_comes_once_in_order_with_its_tombstone(
    most: int, counts: tuple[int, ...]
) -> None:
    node = Paging(most, *(held(asset_id, count) for asset_id, count in zip(IDS, counts, strict=True)))
    parts = [part async for part in state_parts(node.ask, IDS)]
    for asset_id in IDS:
        own = [state for told, state in parts if told == asset_id]
        assert sum((state.records for state in own), ()) == node.states[asset_id].records
        assert {state.tombstone for state in own} == {node.states[asset_id].tombstone}
    assert [asset_id for asset_id, _ in parts] == sorted(asset_id for asset_id, _ in parts)
    assert len(node.orders) <= sum(counts) + len(IDS)


async def test_a_node_that_knows_no_pages_gives_all_at_once() -> None:
    states = [held(asset_id, 2) for asset_id in IDS]

    async def ask(order: StatesOrder) -> StatesAnswer:
        return states

    assert [part async for part in state_parts(ask, IDS)] == list(zip(IDS, states, strict=True))


async def test_many_assets_are_asked_about_some_at_a_time() -> None:
    node = Paging(10)
    many = [f"{number:026}" for number in range(2 * STATES_AT_ONCE + 1)]
    assert [asset_id async for asset_id, _ in state_parts(node.ask, many)] == many
    assert [len(order.asset_ids) for order in node.orders] == [STATES_AT_ONCE, STATES_AT_ONCE, 1]
    assert STATES_AT_ONCE <= MAX_STATES


async def test_of_nothing_nobody_is_asked() -> None:
    node = Paging(1)
    assert [part async for part in state_parts(node.ask, [])] == []
    assert node.orders == []


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [AssetState(())] * 2,
        StatesPage(()),
        StatesPage((AssetState(()),) * 4),
        StatesPage((AssetState(()),), "5" * 26),  # and this for ever
    ],
)
async def test_an_answer_that_leads_nowhere_ends_it(answer: StatesAnswer) -> None:
    asked = 0

    async def ask(_order: StatesOrder) -> StatesAnswer:
        nonlocal asked
        asked += 1
        return answer

    with pytest.raises(UpstreamFailed):
        _ = [part async for part in state_parts(ask, IDS)]
    assert asked <= 2
