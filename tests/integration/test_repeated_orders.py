"""Deletes and restores that meet what an earlier one left: no answer may say more than is true everywhere.

Real nodes that hear nothing of each other here: each knows only what it was ordered itself.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio
from read_cluster import ReadCluster, ReadNode, path_of, read_cluster

from atoll.errors import Conflict, Unavailable, UpstreamFailed
from atoll.model import AssetRecord, Tombstone
from atoll.node_api import DeleteOrder, rfc3339
from atoll.repair_api import RestoreOrder, RestoreResult
from query_service.asset_proof import AssetProof
from query_service.catalog_errors import CatalogUnavailable
from query_service.deletes import Deleter, Departed
from query_service.node_records import NodeRecords
from query_service.set_orders import SetOrders
from query_service.testimony import Witnesses
from storage_node.index_deletes import known_tombstone

pytestmark = pytest.mark.integration

TRASH_SECONDS = 3600


class Side:
    """The part of a query service that orders, standing in us: node-1 is asked first."""

    def __init__(self, cluster: ReadCluster) -> None:
        views = SimpleNamespace(current=lambda: SimpleNamespace(cluster=cluster.map.current, healthy=_all))
        nodes = cluster.nodes[0].client
        self.deleter = Deleter(
            NodeRecords(views, nodes),  # type: ignore[arg-type]  # only the map is asked for
            SetOrders(views, nodes, "us"),  # type: ignore[arg-type]
            Departed(),
            _nobody_hears,
        )
        self.proof = AssetProof(
            SimpleNamespace(asset=_no_catalog),  # type: ignore[arg-type]  # it is away
            views,  # type: ignore[arg-type]
            nodes,
            Witnesses(nodes),
            _nobody_hears,
        )


def _all(members: Collection[object]) -> list[SimpleNamespace]:
    return [SimpleNamespace(node=node) for node in members]


async def _nobody_hears(_: Collection[str]) -> None: ...


async def _no_catalog(_: str) -> None:
    raise CatalogUnavailable("away")


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1", "s1")) as running:
        yield running


def held_by_all(cluster: ReadCluster) -> AssetRecord:
    body = os.urandom(900)
    record = cluster.nodes[0].hold(body)
    for node in cluster.nodes[1:]:
        node.hold(body, record)
    return record


async def delete_at(node: ReadNode, record: AssetRecord, seconds: int = TRASH_SECONDS) -> None:
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, seconds)
    await node.side.deletes.order(order)


def restore_order(record: AssetRecord, deleted: str | None = None) -> RestoreOrder:
    return RestoreOrder(record.asset_id, record.bucket, record.public_id, record.set, deleted)


async def restore_at(node: ReadNode, record: AssetRecord) -> AssetRecord:
    return (await node.side.restores.order(restore_order(record), local=True)).asset


async def deleted_and_restored_at_the_first(cluster: ReadCluster) -> AssetRecord:
    """The other nodes have not heard that it is back."""
    record = held_by_all(cluster)
    for node in cluster.nodes:
        await delete_at(node, record)
    await restore_at(cluster.nodes[0], record)
    return record


def stone_at(node: ReadNode, record: AssetRecord) -> Tombstone:
    stone = node.index.read(lambda db: known_tombstone(db, record.asset_id))
    assert stone is not None
    return stone


async def test_an_earlier_tombstone_is_no_answer_while_something_newer_lives_elsewhere(
    cluster: ReadCluster,
) -> None:
    """The catalog had heard neither of the delete nor of the restore."""
    record = await deleted_and_restored_at_the_first(cluster)
    assert await status_at(cluster.nodes[0], cluster, record) == 200
    await Side(cluster).deleter.delete(record)
    await cluster.nodes[0].side.deletes.apply(stone_at(cluster.nodes[1], record))  # as the event does
    assert await status_at(cluster.nodes[0], cluster, record) == 404


async def test_a_repeated_delete_has_the_answer_of_the_first(cluster: ReadCluster) -> None:
    record = held_by_all(cluster)
    for node in cluster.nodes:
        await delete_at(node, record)
    deleter = Side(cluster).deleter
    first = await deleter.delete(record)
    assert await deleter.delete(record) == first
    assert first.deleted_at == rfc3339(stone_at(cluster.nodes[1], record).deleted_at)


async def test_while_a_node_is_silent_an_earlier_tombstone_is_no_answer(cluster: ReadCluster) -> None:
    record = await deleted_and_restored_at_the_first(cluster)
    cluster.nodes[0].disk.failing = True
    with pytest.raises(Unavailable):
        await Side(cluster).deleter.delete(record)
    cluster.nodes[0].disk.failing = False
    await Side(cluster).deleter.delete(record)
    assert stone_at(cluster.nodes[1], record).version > newest_at(cluster.nodes[0], record)


async def test_a_restore_whose_answer_is_lost_was_not_refused(
    cluster: ReadCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second node refuses: it has nothing in its trash. The first has restored, and nobody heard it."""
    record = held_by_all(cluster)
    await delete_at(cluster.nodes[0], record)
    await delete_at(cluster.nodes[1], record, seconds=0)
    lose_answers_of(cluster.nodes[0], monkeypatch)
    with pytest.raises(Unavailable):
        await Side(cluster).proof.restore(record.asset_id)
    assert await status_at(cluster.nodes[0], cluster, record) == 200


async def test_a_node_whose_peer_is_silent_does_not_say_that_nothing_was_deleted(
    cluster: ReadCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One peer has restored and its answer is lost; the next one has heard of it by then."""
    record = held_by_all(cluster)
    first, second, _ = cluster.nodes
    await delete_at(first, record)
    await delete_at(second, record, seconds=0)
    lose_answers_of(first, monkeypatch)
    with pytest.raises(Unavailable):
        await second.side.restores.order(restore_order(record), local=False)
    assert await status_at(first, cluster, record) == 200


async def test_an_order_to_restore_that_comes_late_undoes_no_later_delete(cluster: ReadCluster) -> None:
    record = held_by_all(cluster)
    node = cluster.nodes[0]
    await delete_at(node, record)
    late = restore_order(record, stone_at(node, record).version)
    await restore_at(node, record)
    await delete_at(node, record)
    with pytest.raises(Conflict):
        await node.side.restores.order(late, local=True)
    assert await status_at(node, cluster, record) == 404
    again = restore_order(record, stone_at(node, record).version)
    await node.side.restores.order(again, local=True)
    assert await status_at(node, cluster, record) == 200


def newest_at(node: ReadNode, record: AssetRecord) -> str:
    rows = node.index.read(
        lambda db: db.execute(
            "SELECT max(version) FROM records WHERE asset_id = ?", (record.asset_id,)
        ).fetchone()
    )
    return str(rows[0])


async def status_at(node: ReadNode, cluster: ReadCluster, record: AssetRecord) -> int:
    return (await cluster.get(node, path_of(record))).status


def lose_answers_of(node: ReadNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does what it is ordered, and the connection breaks."""
    really = node.side.restores.order

    async def lost(order: RestoreOrder, *, local: bool) -> RestoreResult:
        await really(order, local=local)
        raise UpstreamFailed("broke off")

    monkeypatch.setattr(node.side.restores, "order", lost)
