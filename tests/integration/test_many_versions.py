"""Assets of more versions than one answer has room for: repaired, verified and looked up all the same."""

from __future__ import annotations

import os
from types import SimpleNamespace

import msgspec
import pytest
from read_cluster import ReadNode, read_cluster, record_of

from atoll.ids import new_id, now_ms
from atoll.model import AssetRecord
from atoll.node_api import AssetState
from atoll.node_client import MAX_ANSWER_BYTES
from atoll.node_trees import NodeTrees
from atoll.repair_api import STATES_BYTES
from atoll.state_pages import STATES_PATH
from query_service.node_records import NodeRecords
from query_service.node_states import states_of
from query_service.testimony import Witnesses
from replicator.anti_entropy_memory import Memory
from replicator.anti_entropy_orders import Tally
from replicator.anti_entropy_visit import Visit
from storage_node.index_rows import put_record

pytestmark = pytest.mark.integration


class Orders:
    """Counts what is to be pulled."""

    def __init__(self) -> None:
        self.tally, self.pulled = Tally(), list[str]()

    async def pull(self, order) -> None:
        self.pulled.append(order.asset.version)

    async def finished(self) -> None:
        """Nothing is under way."""

    def drop(self) -> None:
        """Nothing waits."""


class Uncounted:
    """Figures of which nothing is asked."""

    found = property(lambda self: self)

    def labels(self, *_):
        return self

    def inc(self, *_):
        """By nothing."""


def fill(node: ReadNode, assets: int, versions: int) -> list[AssetRecord]:
    """Uploads of an hour ago, as a node has them after years."""
    records = []
    for _ in range(assets):
        first = msgspec.structs.replace(record_of(os.urandom(20)), title="a title", context={"k": "v" * 150})
        then = now_ms() - 3_600_000
        records += [msgspec.structs.replace(first, version=new_id(then + n)) for n in range(versions)]
    node.index.write(lambda db: [put_record(db, record) for record in records] and None).result(60)
    return records


@pytest.fixture
async def cluster(tmp_path):
    async with read_cluster(tmp_path, ("s1", "s1")) as cluster:
        yield cluster


@pytest.mark.parametrize(("assets", "versions"), [(200, 10), (200, 100), (1, 20_000)])
async def test_a_fresh_node_is_filled_however_many_versions_there_are(cluster, assets, versions):
    full, fresh = cluster.nodes
    records = fill(full, assets, versions)
    if assets * versions > 2000:
        assert sum(len(msgspec.json.encode(record)) for record in records) > MAX_ANSWER_BYTES
    entries, heard, orders = cluster.map.current.nodes, list[int](), Orders()
    visit = Visit(
        here=NodeTrees(fresh.client, entries[fresh.name], seconds=30),
        there=NodeTrees(fresh.client, entries[full.name], seconds=30, heard=heard.append),
        node=None,
        orders=orders,
        memory=Memory(),
        figures=Uncounted(),
        sources=(full.name,),
        grace_ms=1000,
        clock=now_ms,
        progress=lambda _: None,
    )
    await visit.run()
    assert sorted(orders.pulled) == sorted(record.version for record in records)
    assert max(heard) < 2 * STATES_BYTES


async def test_a_query_service_hears_of_all_versions_and_finds_the_newest(cluster):
    full, other = cluster.nodes
    (few,) = fill(full, 1, 1)
    records = fill(full, 1, 20_000)
    node, asset_id = cluster.map.current.nodes[full.name], records[0].asset_id
    told = await states_of(Witnesses(other.client), node, [few.asset_id, asset_id])
    assert told.unasked == {}
    assert told.states[few.asset_id].records == (few,)
    assert told.states[asset_id].records == tuple(reversed(records))
    views = SimpleNamespace(current=lambda: SimpleNamespace(cluster=cluster.map.current))
    assert await NodeRecords(views, other.client).current(asset_id) == records[-1]


async def test_who_knows_no_pages_is_told_all_at_once(cluster):
    full, other = cluster.nodes
    records = fill(full, 1, 6000)
    assert 6000 * len(msgspec.json.encode(records[0])) > STATES_BYTES
    node, body = cluster.map.current.nodes[full.name], {"asset_ids": [records[0].asset_id]}
    (state,) = await other.client.call(node, "POST", STATES_PATH, list[AssetState], body=body)
    assert state.records == tuple(reversed(records))


async def test_a_node_that_falls_silent_has_not_told_all(cluster):
    full, other = cluster.nodes
    record = fill(full, 1, 1)[0]
    gone = msgspec.structs.replace(cluster.map.current.nodes[full.name], url="http://127.0.0.1:1")
    told = await states_of(Witnesses(other.client), gone, [record.asset_id])
    assert (told.states, list(told.unasked)) == ({}, [full.name])
