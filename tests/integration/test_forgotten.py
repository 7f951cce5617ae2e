"""What was deleted is in no memory afterwards, whoever reads or renders it meanwhile, nor given by a peer."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest
from derivative_stage import hold as hold_picture
from derivative_stage import stage, target_of
from node_fixture import BUCKET, SET, NodeProcess, new_region, picture
from public_bucket import open_bucket
from read_cluster import path_of, read_cluster, until
from test_trash import delete, receipt_of
from worker_crowd import delete as delete_at

from atoll.bucket import Bucket
from storage_node.delivery import BORROWED_SECONDS
from storage_node.store import StoreFailed

pytestmark = pytest.mark.integration

SMALL = "c_fit,h_50,w_50"


class Held:
    """A function of another thread that is held up in the midst of its work, until `go_on`."""

    def __init__(self, real, *, after=False):
        self._real, self._after = real, after
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, *args, **named):
        result = self._real(*args, **named) if self._after else None
        self.begun.set()
        assert self.go_on.wait(30)
        return result if self._after else self._real(*args, **named)


async def statuses(cluster, paths):
    """What each (node, path) answers."""
    return [(await cluster.get(node, path)).status for node, path in paths]


async def test_a_derivative_that_is_asked_for_while_its_image_leaves_stays_in_no_memory(
    tmp_path, monkeypatch
):
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold_picture(node)
        target = target_of(record, SMALL)
        assert (await cluster.get(node, target)).status == 200  # made, and kept on the disk and in memory
        held = Held(node.side.derivatives.drop)
        monkeypatch.setattr(node.side.derivatives, "drop", held)
        deleting = asyncio.create_task(delete(node, record, 0))
        await until(held.begun.is_set)
        assert (await cluster.get(node, target)).status == 200  # from the disk, into memory
        held.go_on.set()
        await deleting
        assert receipt_of(node, record).removed[0].purged_at is not None
        assert await statuses(cluster, [(node, target)]) == [404]


async def test_who_asks_after_a_delete_shares_no_read_from_before_it(tmp_path, monkeypatch):
    async with read_cluster(tmp_path, ("s1", "s1")) as cluster:
        node, other = cluster.nodes
        record = node.hold(body := os.urandom(5000))
        other.hold(body, record)
        held = Held(node.store.read, after=True)
        monkeypatch.setattr(node.store, "read", held)
        first = asyncio.create_task(cluster.get(node, path_of(record)))
        await until(held.begun.is_set)
        await delete(node, record, 0)
        await other.side.deletes.apply(node.index.asset(record.asset_id).tombstone)
        assert (await cluster.get(node, path_of(record))).status == 404
        held.go_on.set()
        await first
        assert await statuses(cluster, [(n, path_of(record)) for n in cluster.nodes]) == [404, 404]


async def test_who_asks_after_a_delete_shares_no_rendering_from_before_it(tmp_path, monkeypatch):
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold_picture(node)
        target = target_of(record, SMALL)
        held = Held(node.side.derivatives.keep)
        monkeypatch.setattr(node.side.derivatives, "keep", held)
        first = asyncio.create_task(cluster.get(node, target))
        await until(held.begun.is_set)
        await delete(node, record, 0)
        assert (await cluster.get(node, target)).status == 404
        held.go_on.set()
        await first
        assert await statuses(cluster, [(node, target)]) == [404]


@pytest.mark.parametrize("full", [False, True])
async def test_a_node_passes_nothing_on_that_it_knows_to_be_deleted(tmp_path, full):
    """A peer has not heard of the delete yet, and would give it."""
    async with read_cluster(tmp_path, ("s1", "s1")) as cluster:
        node, late = cluster.nodes
        record = node.hold(body := os.urandom(5000))
        late.hold(body, record)
        if full:
            node.space._reserve = 2**60
        await delete(node, record, 0)
        assert await statuses(cluster, [(node, path_of(record))]) == [404]
        await late.side.deletes.apply(node.index.asset(record.asset_id).tombstone)
        assert await statuses(cluster, [(n, path_of(record)) for n in cluster.nodes]) == [404, 404]


async def test_what_a_full_node_passes_on_it_has_for_a_minute_and_gives_to_no_peer(tmp_path):
    """It has no record of it: no delete tells it which bytes to forget."""
    async with stage(tmp_path, ("s1", "s1")) as cluster:
        node, other = cluster.nodes
        record = hold_picture(other)
        paths = [path_of(record), target_of(record, SMALL)]
        node.space._reserve = 2**60
        assert await statuses(cluster, [(node, path) for path in paths]) == [200, 200]
        await delete(other, record, 0)
        await node.side.deletes.apply(other.index.asset(record.asset_id).tombstone)
        assert await statuses(cluster, [(other, path) for path in paths]) == [404, 404]
        node.side.ram.expire(time.monotonic() + BORROWED_SECONDS)
        assert await statuses(cluster, [(n, path) for n in cluster.nodes for path in paths]) == [404] * 4


async def test_one_file_that_cannot_be_removed_keeps_no_other_in_memory(tmp_path, monkeypatch):
    """And more than are removed together: those behind it have their turn."""
    async with read_cluster(tmp_path, ("s1",)) as cluster:
        (node,) = cluster.nodes
        held = [node.hold(os.urandom(500)) for _ in range(70)]
        records = sorted(held, key=lambda record: record.blob.sha256)  # the index has them in this order
        real, stuck = node.store.remove, {record.blob.sha256 for record in records[:66]}

        def remove(key):
            if key.sha256 in stuck:
                raise StoreFailed("This disk does not remove it.")
            real(key)

        monkeypatch.setattr(node.store, "remove", remove)
        for record in records:
            assert (await cluster.get(node, path_of(record))).status == 200
            await delete(node, record, 0)
        assert await statuses(cluster, [(node, path_of(record)) for record in records]) == [404] * 70
        assert [node.file(record).exists() for record in records].count(True) == 66


@pytest.mark.parametrize("workers", [1, 2])
def test_a_crowd_that_looks_at_a_thumbnail_brings_nothing_back(engines, tmp_path, workers):
    settings = {"workers": workers, "drain_seconds": 3.0}
    node = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), settings).start()
    try:
        open_bucket(node, Bucket(BUCKET, unsigned_transformations=True))
        targets = [_deleted_before_a_crowd(node) for _ in range(8)]
        again = [node.request("GET", target).status for target in targets for _ in range(4)]
        assert again == [404] * len(again)
    finally:
        node.end()


def _deleted_before_a_crowd(node):
    """A thumbnail's path, its image deleted while three ask for it as fast as they can."""
    asset = node.put(picture()).json
    target = f"/{BUCKET}/{SMALL}/{SET}/{asset['sha256']}.jpg"
    assert node.request("GET", target).status == 200
    stop, asked = threading.Event(), threading.Semaphore(0)

    def ask():
        while not stop.is_set():
            node.request("GET", target)
            asked.release()

    crowd = [threading.Thread(target=ask) for _ in range(3)]
    for one in crowd:
        one.start()
    for _ in range(6):
        assert asked.acquire(timeout=30)
    delete_at(node, asset)
    stop.set()
    for one in crowd:
        one.join()
    return target
