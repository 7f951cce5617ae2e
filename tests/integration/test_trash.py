"""The trash on one node's disk: deleted bytes wait, come back, or are erased – and a crash between any two
steps is taken up again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from derivative_maker import keep_derivative
from read_cluster import ReadCluster, ReadNode, path_of, read_cluster, until

from atoll.errors import Conflict, Gone
from atoll.ids import new_id, now_ms
from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder, PullOrder
from atoll.repair_api import NodeReceipt, RestoreOrder, RestoreResult
from storage_node.derivative_store import DerivativeKey
from storage_node.disk_trash import DiskTrash
from storage_node.index_deletes import make_tombstone
from storage_node.index_receipts import receipt
from storage_node.pull import address_of
from storage_node.store import StoreFailed

pytestmark = pytest.mark.integration

DAY = 86_400


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


@pytest.fixture
def node(cluster: ReadCluster) -> ReadNode:
    return cluster.nodes[0]


def trash_file(node: ReadNode, record: AssetRecord) -> Path:
    root = node.file(record).parents[4]
    blob = record.blob
    return root / "trash" / blob.bucket / blob.sha256[:2] / f"{blob.sha256}.{blob.ext}"


def derivative(node: ReadNode, record: AssetRecord) -> Path:
    """Where one is kept."""
    store, key = node.side.derivatives, DerivativeKey(record.bucket, record.blob.sha256, "w_10.jpg")
    keep_derivative(store, key, b"a rendition")
    return store.path(key)


async def delete(node: ReadNode, record: AssetRecord, seconds: int | None = DAY) -> None:
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, seconds)
    await node.side.deletes.order(order)


async def restore(node: ReadNode, record: AssetRecord) -> RestoreResult:
    order = RestoreOrder(record.asset_id, record.bucket, record.public_id, record.set)
    path = "/internal/v1/restores"
    return await node.client.call(_entry(node), "POST", path, RestoreResult, body=order)


def _entry(node: ReadNode):
    return node.side.peers._cluster.current.nodes[node.name]


def receipt_of(node: ReadNode, record: AssetRecord) -> NodeReceipt:
    return node.index.read(lambda db: receipt(db, record.asset_id, node.name, "eu", now_ms()))


def second_asset(record: AssetRecord) -> AssetRecord:
    return msgspec.structs.replace(record, asset_id=new_id(), version=new_id())


@pytest.mark.parametrize("size", [8_000, 700_000])
async def test_a_deleted_asset_is_restored_as_a_new_version(
    cluster: ReadCluster, node: ReadNode, size: int
) -> None:
    body = os.urandom(size)
    record = node.hold(body)
    rendition = derivative(node, record)
    await delete(node, record)
    assert not node.file(record).exists()
    assert not rendition.exists()
    assert trash_file(node, record).read_bytes() == body
    assert (await cluster.get(node, path_of(record))).status == 404
    result = await restore(node, record)
    assert result.node == node.name
    assert result.asset.version > record.version
    assert result.asset == msgspec.structs.replace(record, version=result.asset.version)
    assert (await cluster.get(node, path_of(record))).body == body
    assert not trash_file(node, record).exists()
    assert node.events("blob.stored") == 1
    with pytest.raises(Conflict):
        await restore(node, record)


async def test_what_was_erased_or_never_there_is_gone(cluster: ReadCluster, node: ReadNode) -> None:
    record = node.hold(os.urandom(500))
    await delete(node, record, 0)
    assert not trash_file(node, record).exists()
    for other in cluster.nodes:
        with pytest.raises(Gone):
            await restore(other, record)
    (removed,) = receipt_of(node, record).removed
    assert removed.purged_at is not None


async def test_a_later_order_to_erase_empties_the_trash_everywhere(
    cluster: ReadCluster, node: ReadNode
) -> None:
    record, other = node.hold(body := os.urandom(500)), cluster.nodes[1]
    other.hold(body, record)
    await delete(node, record)
    stone = node.index.asset(record.asset_id).tombstone
    assert stone is not None
    await other.side.deletes.apply(stone)
    assert trash_file(other, record).exists()
    await delete(node, record, 0)
    erased = node.index.asset(record.asset_id).tombstone
    assert erased is not None
    assert erased.version > stone.version
    await other.side.deletes.apply(erased)
    for one in cluster.nodes:
        assert not trash_file(one, record).exists()
        assert receipt_of(one, record).removed[0].purged_at is not None


async def test_what_is_due_is_erased_and_the_receipt_says_when(node: ReadNode) -> None:
    record = node.hold(os.urandom(500))
    await delete(node, record, 1)
    assert trash_file(node, record).exists()
    assert receipt_of(node, record).removed[0].purged_at is None
    await until(lambda: not trash_file(node, record).exists(), "it stayed in the trash")
    await until(lambda: receipt_of(node, record).removed[0].purged_at is not None, "no receipt")
    with pytest.raises(Gone):
        await restore(node, record)


async def test_a_restore_comes_from_a_peer_s_trash_when_there_is_none_here(
    cluster: ReadCluster, node: ReadNode
) -> None:
    other, body = cluster.nodes[1], os.urandom(500)
    record = other.hold(body)
    await delete(other, record)
    stone = other.index.asset(record.asset_id).tombstone
    assert stone is not None
    await node.side.deletes.apply(stone)  # it never held it
    result = await restore(node, record)
    assert result.node == other.name
    assert other.holds(result.asset)


async def test_rotten_bytes_in_the_trash_are_not_put_back(cluster: ReadCluster, node: ReadNode) -> None:
    record = node.hold(os.urandom(500))
    await delete(node, record)
    trash_file(node, record).chmod(0o600)
    trash_file(node, record).write_bytes(os.urandom(500))
    with pytest.raises(Gone):
        await restore(node, record)
    assert node.index.blob(record.bucket, record.blob.sha256) is None


async def test_another_node_takes_a_restored_version_from_its_own_trash(
    cluster: ReadCluster, node: ReadNode
) -> None:
    other, body = cluster.nodes[1], os.urandom(500)
    record = node.hold(body)
    other.hold(body, record)
    await delete(node, record)
    stone = node.index.asset(record.asset_id).tombstone
    assert stone is not None
    await other.side.deletes.apply(stone)
    restored = (await restore(node, record)).asset
    before = node.asked_for("/internal/v1/blobs/")
    result = await other.side.orders.execute(PullOrder(restored, (node.name,)))
    assert result.status == "stored"
    assert other.holds(restored)
    assert node.asked_for("/internal/v1/blobs/") == before


async def test_the_same_bytes_live_again_and_the_trash_is_emptied_without_them(
    cluster: ReadCluster, node: ReadNode
) -> None:
    body = os.urandom(500)
    record = node.hold(body)
    await delete(node, record, 1)
    again = node.hold(body, second_asset(record))
    await until(lambda: not trash_file(node, record).exists(), "it stayed in the trash")
    await until(lambda: receipt_of(node, record).removed[0].shared, "the receipt does not say why")
    assert node.holds(again)
    assert (await cluster.get(node, path_of(again))).body == body


async def test_of_two_assets_with_the_same_bytes_one_goes_and_no_byte_does(node: ReadNode) -> None:
    body = os.urandom(500)
    first = node.hold(body)
    second = node.hold(body, second_asset(first))
    rendition = derivative(node, first)
    await delete(node, first, 0)
    (removed,) = receipt_of(node, first).removed
    assert (removed.shared, removed.purged_at) == (True, None)
    assert node.holds(second)
    assert rendition.exists()
    await delete(node, second)
    assert trash_file(node, second).exists()


_STEPS = (
    "storage_node.disk_trash.DiskTrash.bury",
    "storage_node.derivative_store.DerivativeStore.drop",
    "storage_node.removals.removed",
    "storage_node.disk_trash.DiskTrash.erase",
    "storage_node.removals.purged",
)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize("seconds", [0, 1])
async def test_a_crash_between_two_steps_of_a_delete_is_taken_up_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool, seconds: int
) -> None:
    async with read_cluster(tmp_path, ("s1",)) as cluster:
        node = cluster.nodes[0]
        record = node.hold(os.urandom(500))
        rendition = derivative(node, record)
        with monkeypatch.context() as patch:
            patch.setattr(step, _crashing(step, after=after))
            order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, seconds)
            node.index.write(make_tombstone(order, node.origin)).result(20)
            for _ in range(3):
                await asyncio.gather(
                    node.side.removals.resume(), node.side.removals.purge(), return_exceptions=True
                )
        async with asyncio.timeout(20):
            while _left(node, record, rendition):  # as the next start does, until it is due
                await node.side.removals.resume()
                await node.side.removals.purge()
                await asyncio.sleep(0.02)
        (removed,) = receipt_of(node, record).removed
        assert removed.purged_at is not None
        assert node.index.read(lambda db: db.execute("SELECT count(*) FROM trash").fetchone()) == (0,)
        assert node.index.unlinks(10) == []


async def test_an_erasure_finds_the_file_that_a_killed_restore_had_moved_already(node: ReadNode) -> None:
    record = node.hold(os.urandom(500))
    await delete(node, record)
    trash = DiskTrash(node.file(record).parents[4], node.store)
    assert trash.reclaim(address_of(record).key, record.blob.size) is not None
    await node.side.removals.resume()  # as the next start does
    await node.side.removals.purge()
    await delete(node, record, 0)
    (removed,) = receipt_of(node, record).removed
    assert removed.purged_at is not None
    assert not node.file(record).exists()
    assert not trash_file(node, record).exists()


async def test_a_restore_that_the_disk_fails_leaves_the_file_in_the_trash(
    node: ReadNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = os.urandom(500)
    record = node.hold(body)
    await delete(node, record)
    with monkeypatch.context() as patch:
        patch.setattr(
            DiskTrash, "reclaim", _crashing("storage_node.disk_trash.DiskTrash.reclaim", after=True)
        )
        with pytest.raises(StoreFailed):
            await restore(node, record)
    assert not node.file(record).exists()
    assert trash_file(node, record).read_bytes() == body
    assert (await restore(node, record)).asset.version > record.version


def _left(node: ReadNode, record: AssetRecord, rendition: Path) -> bool:
    receipts = receipt_of(node, record).removed
    erased = bool(receipts) and receipts[0].purged_at is not None
    return node.file(record).exists() or trash_file(node, record).exists() or rendition.exists() or not erased


def _crashing(step: str, *, after: bool) -> Callable[..., object]:
    module, _, name = step.rpartition(".")
    owner = _owner(module)
    real = getattr(owner, name)

    def crash(*arguments: object, **named: object) -> object:
        if after:
            real(*arguments, **named)
        raise StoreFailed("the process ends here")

    return crash


def _owner(name: str) -> object:
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)
