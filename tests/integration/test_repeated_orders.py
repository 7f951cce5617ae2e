"""Deletes and restores that meet what an earlier one left: no answer may say more than is true everywhere.

Real nodes that hear nothing of each other here: each knows only what it was ordered itself.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Collection
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from read_cluster import ReadCluster, ReadNode, path_of, read_cluster, record_of

from atoll.asset_edits import ForgetVersion
from atoll.errors import AtollError, Gone, NoSpace, Overloaded, Unavailable, UpstreamFailed
from atoll.ids import new_id, now_ms
from atoll.model import AssetRecord, Tombstone
from atoll.node_api import DeleteOrder, PullOrder, rfc3339
from atoll.repair_api import RestoreOrder, RestoreResult
from query_service.asset_proof import AssetProof
from query_service.catalog_errors import CatalogUnavailable
from query_service.deletes import Deleter, Departed
from query_service.node_records import NodeRecords
from query_service.set_orders import SetOrders
from query_service.testimony import Witnesses
from query_service.wire import DeletedView
from storage_node import index_trash
from storage_node.index_deletes import apply_tombstone, known_tombstone

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
            now_ms,
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


def another_image(old: AssetRecord) -> tuple[bytes, AssetRecord]:
    """The bytes and the record of a later upload of the same name."""
    body = os.urandom(700)
    return body, replace(record_of(body), asset_id=old.asset_id, public_id=old.public_id)


async def delete_at(node: ReadNode, record: AssetRecord, seconds: int = TRASH_SECONDS) -> None:
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, seconds)
    await node.side.deletes.order(order)


def restore_order(record: AssetRecord, *seen: Any) -> RestoreOrder:
    """`seen`: the delete that it takes back, and when."""
    return RestoreOrder(record.asset_id, record.bucket, record.public_id, record.set, *seen)


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
    await delete_at(cluster.nodes[1], record, seconds=0)
    await delete_at(cluster.nodes[0], record)
    lose_answers_of(cluster.nodes[0], monkeypatch)
    with pytest.raises(Unavailable):
        await Side(cluster).proof.restore(record.asset_id)
    assert await status_at(cluster.nodes[0], cluster, record) == 200


async def test_a_node_whose_peer_is_silent_does_not_say_that_nothing_was_deleted(
    cluster: ReadCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One peer has restored and its answer is lost; the next one says that nothing is deleted."""
    record = held_by_all(cluster)
    first, second, _ = cluster.nodes
    await delete_at(first, record)
    await delete_at(second, record, seconds=0)
    lose_answers_of(first, monkeypatch)
    with pytest.raises(Unavailable):
        await second.side.restores.order(restore_order(record), local=False)
    assert await status_at(first, cluster, record) == 200


async def test_an_order_to_restore_that_its_node_carries_out_late_undoes_no_later_delete(
    cluster: ReadCluster,
) -> None:
    """A halted machine goes on: it has heard of nothing since."""
    record = held_by_all(cluster)
    first, second, halted = cluster.nodes
    await delete_at(first, record)
    stone = stone_at(first, record)
    for node in (second, halted):
        await node.side.deletes.apply(stone)
    order = restore_order(record, stone.version, now_ms())
    back = (await first.side.restores.order(order, local=True)).asset
    await Side(cluster).deleter.delete(back)
    later = stone_at(second, record)
    revived = (await halted.side.restores.order(order, local=True)).asset
    assert stone.version < revived.version < later.version
    await halted.side.deletes.apply(later)
    assert await status_at(halted, cluster, record) == 404


async def test_a_restore_says_which_delete_it_takes_back_and_when(
    cluster: ReadCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = held_by_all(cluster)
    node = cluster.nodes[0]
    await delete_at(node, record)
    really, orders = node.side.restores.order, list[RestoreOrder]()

    async def noted(order: RestoreOrder, *, local: bool) -> RestoreResult:
        orders.append(order)
        return await really(order, local=local)

    monkeypatch.setattr(node.side.restores, "order", noted)
    before = now_ms()
    await Side(cluster).proof.restore(record.asset_id)
    (order,) = orders
    assert order.deleted == stone_at(node, record).version
    assert order.at is not None
    assert before <= order.at <= now_ms()


async def test_what_is_restored_is_above_the_delete_it_takes_back_whatever_the_clocks_say(
    cluster: ReadCluster,
) -> None:
    """The node that restores is ten seconds behind, and knows an earlier delete only."""
    record = held_by_all(cluster)
    slow, second, _ = cluster.nodes
    await delete_at(slow, record)
    await second.side.deletes.apply(stone_at(slow, record))
    await restore_at(second, record)
    await delete_at(second, record)
    slow.origin.__dict__["now_ms"] = lambda: now_ms() - 10_000
    order = restore_order(record, stone_at(second, record).version, now_ms())
    back = (await slow.side.restores.order(order, local=True)).asset
    assert back.version > stone_at(second, record).version


async def test_a_restore_that_meets_an_erasure_leaves_no_file(
    cluster: ReadCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between the look into the trash and the commit."""
    record = held_by_all(cluster)
    node = cluster.nodes[0]
    await delete_at(node, record)
    stone = stone_at(node, record)
    erasure = replace(stone, version=new_id(), deleted_at=now_ms(), purge_at=0)
    really = index_trash.restorable

    def then_it_is_erased(db: sqlite3.Connection, order: RestoreOrder, now: int) -> AssetRecord | None:
        found = really(db, order, now)
        node.index.write(apply_tombstone(erasure, node.origin)).result(20)
        return found

    monkeypatch.setattr(index_trash, "restorable", then_it_is_erased)
    with pytest.raises(Unavailable):
        await node.side.restores.order(restore_order(record, stone.version), local=True)
    await node.side.removals.resume()
    await node.side.removals.purge()
    assert not node.file(record).exists()


async def test_the_newest_image_is_restored_though_the_nearest_node_has_an_older_one(
    cluster: ReadCluster,
) -> None:
    """It heard of the delete before the upload."""
    old = held_by_all(cluster)
    first, second, third = cluster.nodes
    body, new = another_image(old)
    third.hold(body, new)
    await delete_at(third, new)
    for node in (first, second):
        await node.side.deletes.apply(stone_at(third, new))
    assert (await Side(cluster).proof.restore(old.asset_id)).asset.blob == new.blob


async def test_a_version_that_was_deleted_by_itself_is_not_brought_back_by_a_node_that_has_not_heard(
    cluster: ReadCluster,
) -> None:
    old = held_by_all(cluster)
    body, new = another_image(old)
    for node in cluster.nodes:
        node.hold(body, new)
    first, *others = cluster.nodes
    await first.side.edits.order(ForgetVersion(asset_id=old.asset_id, set="s1", version=new.version))
    await delete_at(first, old)
    for node in others:
        await node.side.deletes.apply(stone_at(first, old))
    assert (await Side(cluster).proof.restore(old.asset_id)).asset.blob == old.blob


async def test_no_older_image_is_restored_while_the_newest_is_not_deleted_everywhere(
    cluster: ReadCluster,
) -> None:
    old = held_by_all(cluster)
    body, new = another_image(old)
    cluster.nodes[2].hold(body, new)
    side = Side(cluster)
    await side.deleter.delete(new)
    with pytest.raises(Unavailable):
        await side.proof.restore(old.asset_id)
    await cluster.nodes[2].side.deletes.apply(stone_at(cluster.nodes[1], old))
    assert (await side.proof.restore(old.asset_id)).asset.blob == new.blob


@pytest.mark.parametrize("error", [NoSpace("full"), Overloaded("too much")])
async def test_a_file_that_is_not_known_yet_stays_when_its_commit_fails(
    cluster: ReadCluster, monkeypatch: pytest.MonkeyPatch, error: AtollError
) -> None:
    """A node without an index is filled again: its files lie there."""
    body = os.urandom(900)
    node, record = cluster.nodes[0], record_of(body)
    node.file(record).parent.mkdir(parents=True)
    node.file(record).write_bytes(body)

    def fails(_: object) -> Future[None]:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(node.index, "write", fails)
        with pytest.raises(type(error)):
            await node.side.orders.execute(PullOrder(record, ()))
    assert node.file(record).read_bytes() == body


async def test_a_restore_where_nobody_has_heard_of_the_delete_yet_is_to_be_repeated(
    cluster: ReadCluster,
) -> None:
    record = cluster.nodes[0].hold(os.urandom(500))
    side = Side(cluster)
    await side.deleter.delete(record)  # made durable by another node
    with pytest.raises(Unavailable):
        await side.proof.restore(record.asset_id)
    await cluster.nodes[0].side.deletes.apply(stone_at(cluster.nodes[1], record))
    await side.proof.restore(record.asset_id)
    assert await status_at(cluster.nodes[0], cluster, record) == 200


@pytest.mark.parametrize("asked", ["the same service", "another one"])
async def test_what_was_deleted_is_erased_when_that_is_asked_for_afterwards(
    cluster: ReadCluster, asked: str
) -> None:
    """The catalog has forgotten it. No node brings it back that has not heard of the erasure."""
    record = held_by_all(cluster)
    side = Side(cluster)
    await side.deleter.delete(record, TRASH_SECONDS)
    for node in (cluster.nodes[0], cluster.nodes[2]):
        await node.side.deletes.apply(stone_at(cluster.nodes[1], record))
    erasing = side if asked == "the same service" else Side(cluster)
    await erasing.deleter.delete_unindexed(record.asset_id, None, 0)
    with pytest.raises(Gone):
        await side.proof.restore(record.asset_id)


async def test_what_is_erased_is_so_in_each_set_that_has_it(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1", "s2")) as cluster:
        body = os.urandom(900)
        record = cluster.nodes[0].hold(body)
        cluster.nodes[1].hold(body, replace(record, set="s2"))
        deleter = Side(cluster).deleter
        await deleter.delete(record, TRASH_SECONDS, ("s1", "s2"))
        await deleter.delete_unindexed(record.asset_id, None, 0)
        assert [stone_at(node, record).purge_at for node in cluster.nodes] == [0, 0]


async def test_an_earlier_answer_does_not_take_the_place_of_a_later_one(cluster: ReadCluster) -> None:
    departed = Departed()
    record = held_by_all(cluster)
    stones = []
    for node in cluster.nodes[:2]:
        await delete_at(node, record)
        stones.append(stone_at(node, record))
    later, earlier = sorted(stones, key=lambda stone: stone.version, reverse=True)
    for stone in (later, earlier):
        departed.add(stone, DeletedView(stone.asset_id, "", "node-1"))
    assert departed.tombstone(record.asset_id) == later


async def test_all_rounds_of_a_delete_are_looked_at(
    cluster: ReadCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second order, too, is answered with an earlier delete's tombstone, of which news came meanwhile."""
    record = held_by_all(cluster)
    silent, asked, third = cluster.nodes
    for node in cluster.nodes:
        await delete_at(node, record)
    second = await restore_at(silent, record)
    third.hold(silent.file(record).read_bytes(), second)
    await delete_at(silent, second)
    stone = stone_at(silent, record)
    await restore_at(silent, second)
    silent.disk.failing = True
    really = NodeRecords.newer

    async def newer(self: NodeRecords, known: Tombstone) -> list[AssetRecord]:
        found = await really(self, known)
        await asked.side.deletes.apply(stone)
        return found

    monkeypatch.setattr(NodeRecords, "newer", newer)
    with pytest.raises(Unavailable):
        await Side(cluster).deleter.delete(record)


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
