"""Deletes on one node: file, memory and index go together, and a crash between them is taken up again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from read_cluster import PUBLIC, ReadCluster, ReadNode, path_of, read_cluster, until

from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder, PullOrder
from storage_node.index_deletes import make_tombstone

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


@pytest.fixture
def node(cluster: ReadCluster) -> ReadNode:
    return cluster.nodes[0]


def order_for(record: AssetRecord) -> DeleteOrder:
    return DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set)


@pytest.mark.parametrize("size", [8_000, 3_000_000])
async def test_a_deleted_blob_is_gone_from_disk_memory_and_answers(
    cluster: ReadCluster, node: ReadNode, size: int
) -> None:
    record = node.hold(os.urandom(size))
    assert (await cluster.get(node, path_of(record))).status == 200
    await node.side.deletes.order(order_for(record))
    assert not node.file(record).exists()
    assert path_of(record) not in node.side.ram.entries
    for headers in ({}, {"Range": "bytes=0-5"}, {"If_None_Match": f'"{record.blob.sha256}"'}):
        assert (await cluster.get(node, path_of(record), **headers)).status == 404
    assert node.events("asset.deleted") == node.events("blob.deleted") == 1


async def test_one_of_two_assets_with_the_same_bytes_leaves_the_bytes(
    cluster: ReadCluster, node: ReadNode
) -> None:
    body = os.urandom(8_000)
    first = node.hold(body)
    second = msgspec.structs.replace(first, asset_id="9" * 26, public_id="9" * 26)
    node.hold(body, second)
    await node.side.deletes.order(order_for(first))
    assert (await cluster.get(node, path_of(first))).body == body
    await node.side.deletes.order(order_for(second))
    assert (await cluster.get(node, path_of(first))).status == 404


async def test_a_read_that_began_before_the_delete_does_not_put_the_bytes_back_into_memory(
    cluster: ReadCluster, node: ReadNode
) -> None:
    for _ in range(20):
        record = node.hold(os.urandom(8_000))
        await asyncio.gather(
            *(cluster.get(node, path_of(record)) for _ in range(4)),
            node.side.deletes.order(order_for(record)),
        )
        assert path_of(record) not in node.side.ram.entries
        assert not node.file(record).exists()


async def test_files_that_a_crash_left_are_removed_at_the_next_start(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1",)) as cluster:
        node = cluster.nodes[0]
        records = [node.hold(os.urandom(100)) for _ in range(150)]
        for record in records:  # the tombstone is committed, and then the process dies
            node.index.write(make_tombstone(order_for(record), node.origin)).result(20)
        assert all(node.file(record).exists() for record in records)
        assert await node.side.removals.resume() == 150
        assert not any(node.file(record).exists() for record in records)
        assert node.events("blob.deleted") == 150
        assert await node.side.removals.resume() == 0


async def test_a_delete_whose_file_cannot_be_unlinked_has_still_succeeded(
    cluster: ReadCluster, node: ReadNode
) -> None:
    record = node.hold(os.urandom(100))
    path = node.file(record)
    path.unlink()
    path.mkdir()  # unlinking a directory fails
    order = msgspec.structs.replace(order_for(record), trash_seconds=0)
    result = await node.side.deletes.order(order)
    assert result.tombstone.asset_id == record.asset_id
    assert (await cluster.get(node, path_of(record))).status == 404
    path.rmdir()
    assert await node.side.removals.resume() == 1


async def test_the_same_bytes_come_back_after_a_delete_and_stay(cluster: ReadCluster, node: ReadNode) -> None:
    body = os.urandom(8_000)
    record = node.hold(body)
    await node.side.deletes.order(order_for(record))
    again = msgspec.structs.replace(record, asset_id="9" * 26, public_id="9" * 26)
    node.hold(body, again)
    await node.side.removals.resume()
    assert (await cluster.get(node, path_of(again))).body == body


async def test_pulls_and_deletes_of_the_same_asset_at_once_end_deleted(
    cluster: ReadCluster, node: ReadNode
) -> None:
    other = cluster.nodes[1]
    for _ in range(20):
        record = other.hold(os.urandom(5_000))
        await asyncio.gather(
            node.side.orders.execute(PullOrder(record, (other.name,))),
            cluster.get(node, path_of(record)),
            node.side.deletes.order(order_for(record)),
            return_exceptions=True,
        )
        assert node.index.blob(PUBLIC, record.blob.sha256) is None
        await until(lambda: not node.file(record).exists(), "a deleted file stayed")  # noqa: B023 - awaited
        assert path_of(record) not in node.side.ram.entries
