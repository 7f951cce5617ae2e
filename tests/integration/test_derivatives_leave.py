"""Derivatives leave with the blob they are made of, whatever is under way, and make room if it is scarce."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from derivative_maker import keep_derivative
from read_cluster import PUBLIC, ReadCluster, ReadNode, flip, path_of, read_cluster, until

from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder
from storage_node.derivative_store import DerivativeKey
from storage_node.store import Space

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


@pytest.fixture
def node(cluster: ReadCluster) -> ReadNode:
    return cluster.nodes[0]


def key_of(record: AssetRecord, name: str = "w_10.jpg") -> DerivativeKey:
    return DerivativeKey(record.bucket, record.blob.sha256, name)


async def delete(node: ReadNode, record: AssetRecord) -> None:
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, 0)
    await node.side.deletes.order(order)


def nothing_stays(node: ReadNode) -> bool:
    top = node.side.derivatives.files.top
    return not node.side.derivatives.usage().count and not [p for p in top.iterdir() if p.is_dir()]


async def test_a_delete_takes_derivatives_of_the_blob_and_those_it_is_laid_over(node: ReadNode) -> None:
    source, logo = node.hold(os.urandom(500)), node.hold(os.urandom(500))
    store = node.side.derivatives
    keep_derivative(store, key_of(source), b"with a logo", layers=(logo.blob.sha256,))
    keep_derivative(store, key_of(source, "w_20.jpg"), b"without")
    keep_derivative(store, key_of(logo), b"the logo, smaller")
    await delete(node, logo)
    assert store.find(key_of(source)) is None
    assert store.find(key_of(logo)) is None
    assert store.find(key_of(source, "w_20.jpg")) is not None
    await delete(node, source)
    assert nothing_stays(node)


async def test_what_is_rendered_while_its_blob_is_deleted_does_not_stay(node: ReadNode) -> None:
    store, loop = node.side.derivatives, asyncio.get_running_loop()
    for _ in range(20):
        record = node.hold(os.urandom(500))
        seen = store.drops

        def keep(record: AssetRecord = record, seen: int = seen) -> None:
            for number in range(20):
                keep_derivative(store, key_of(record, f"w_{number}.jpg"), b"rendered", seen_drops=seen)

        await asyncio.gather(loop.run_in_executor(None, keep), delete(node, record))
        assert nothing_stays(node)


async def test_what_a_peer_gives_that_has_not_heard_of_the_delete_is_not_kept(
    cluster: ReadCluster, node: ReadNode
) -> None:
    other, body = cluster.nodes[1], os.urandom(500)
    record = node.hold(body)
    other.hold(body, record)
    theirs = keep_derivative(other.side.derivatives, key_of(record), b"rendered")
    await delete(node, record)
    assert not node.side.derivatives.adopt(theirs, b"rendered", node.side.derivatives.drops)
    assert nothing_stays(node)


async def test_what_shows_a_layer_that_was_deleted_before_the_drawing_began_is_not_kept(
    cluster: ReadCluster, node: ReadNode
) -> None:
    """The layer was found just before, or by a peer that has not heard of the delete."""
    source, logo = node.hold(os.urandom(500)), node.hold(os.urandom(500))
    foreign = "ab" * 32  # of another set: no asset of this node uses it
    await delete(node, logo)
    store, layers = node.side.derivatives, (foreign, logo.blob.sha256)
    mine = keep_derivative(store, key_of(source), b"mine", layers=layers, own_layers=layers[1:])
    assert not store.adopt(mine, b"mine", store.drops, layers[1:])
    assert nothing_stays(node)
    keep_derivative(store, key_of(source), b"mine", layers=layers[:1])
    assert store.find(key_of(source)) is not None


async def test_a_bad_copy_takes_its_derivatives_into_its_fall(cluster: ReadCluster, node: ReadNode) -> None:
    body = os.urandom(8000)
    record = node.hold(body)
    cluster.nodes[1].hold(body, record)
    keep_derivative(node.side.derivatives, key_of(record), b"made of what?")
    flip(node.file(record), 100)
    assert (await cluster.get(node, path_of(record))).body == body
    await until(lambda: node.side.counts.quarantined == 1, "it was not put into quarantine")
    await until(lambda: nothing_stays(node), "its derivative stayed")


async def test_derivatives_make_room_for_the_reserve_and_no_more_than_it_lacks(node: ReadNode) -> None:
    record = node.hold(os.urandom(500))
    for number in range(10):
        keep_derivative(node.side.derivatives, key_of(record, f"w_{number}.jpg"), b"rendered")
    node.space._reserve = 1 << 20
    node.space.measured(Space(1 << 30, (1 << 20) - 3 * 4096, 1000), 0)
    assert not node.space.has_room(1)
    await asyncio.to_thread(node.side._upkeep.tend)
    assert node.side.derivatives.usage().count == 7
    keep_derivative(node.side.derivatives, key_of(record, "w_99.jpg"), b"rendered")
    assert node.side.derivatives.usage().count == 7
    node.space.measured(Space(1 << 30, 1 << 30, 1000), 0)
    keep_derivative(node.side.derivatives, key_of(record, "w_99.jpg"), b"rendered")
    assert node.side.derivatives.usage().count == 8


async def test_a_node_sweeps_away_what_it_does_not_know_and_what_no_asset_uses(node: ReadNode) -> None:
    store, record = node.side.derivatives, node.hold(os.urandom(500))
    keep_derivative(store, key_of(record), b"rendered")
    stranger = store.path(DerivativeKey(PUBLIC, "ab" * 32, "w_10.jpg"))
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"?")
    store.book.unswept = True
    await asyncio.to_thread(node.side._upkeep.tend)
    assert not stranger.exists()
    assert store.find(key_of(record)) is not None
