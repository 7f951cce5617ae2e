"""Copies that are made durable in one job: one trip to the disk, one commit, and each its own outcome."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio
from read_cluster import ReadCluster, ReadNode, read_cluster, record_of, until

from atoll.ids import now_ms
from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder, PullOrder
from storage_node.blob_locks import BlobLocks
from storage_node.fetch import Fetched
from storage_node.index_ops import store_replica
from storage_node.keep_together import APART_SECONDS, LONG_SECONDS, MOST, KeepTogether
from storage_node.pull import address_of
from storage_node.store import StoreFailed

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


class Bodies(dict[str, bytes]):
    """Bytes by their hash, and the records made for them."""

    def record(self, body: bytes) -> AssetRecord:
        record = record_of(body)
        self[record.blob.sha256] = body
        return record


def keeper_of(node: ReadNode) -> KeepTogether:
    keeper: KeepTogether = node.side.puller._keeper
    return keeper


async def kept(node: ReadNode, bodies: Bodies, records: list[AssetRecord]) -> list[bool | BaseException]:
    """Keep them in one turn of the loop; what became of each."""

    def one(record: AssetRecord):
        body = bodies[record.blob.sha256]
        fetched = Fetched(address_of(record).key, len(body), b"", "node-1", body, None)
        return keeper_of(node).keep(fetched, store_replica(record, b"", node.origin))

    return await asyncio.gather(*map(one, records), return_exceptions=True)


async def test_they_are_one_job_whose_commits_are_all_there_for_one(cluster, monkeypatch):
    here, bodies = cluster.nodes[0], Bodies()
    records = [bodies.record(os.urandom(400)) for _ in range(MOST)]
    jobs: list[int] = []
    keeper, busy = keeper_of(here), threading.Event()
    keep_all = keeper._keeper.keep_all
    monkeypatch.setattr(keeper._keeper, "keep_all", lambda some: jobs.append(len(some)) or keep_all(some))
    here.index.write(lambda _: busy.wait(20))
    keeping = asyncio.create_task(kept(here, bodies, records))
    await until(lambda: here.index._writer._jobs.qsize() >= MOST)  # all their names are durable by then
    busy.set()
    assert await keeping == [True] * MOST
    assert all(map(here.holds, records))
    assert jobs == [MOST]


async def test_on_a_disk_that_takes_long_they_are_kept_apart_for_a_while(cluster, monkeypatch):
    here, bodies = cluster.nodes[0], Bodies()
    now = [0.0]
    jobs: list[int] = []
    together = keeper_of(here)
    together._clock = lambda: now[0]
    keep_all = together._keeper.keep_all

    def slow(some):
        jobs.append(len(some))
        now[0] += LONG_SECONDS * 1.5
        keep_all(some)

    monkeypatch.setattr(together._keeper, "keep_all", slow)
    for expected in ([3], [3]):
        assert await kept(here, bodies, [bodies.record(os.urandom(400)) for _ in range(3)]) == [True] * 3
        assert jobs == expected
        await until(lambda: together._apart_until > now[0])
    now[0] += APART_SECONDS
    assert await kept(here, bodies, [bodies.record(os.urandom(400)) for _ in range(3)]) == [True] * 3
    assert jobs == [3, 3]


async def test_one_that_a_delete_forbids_costs_only_itself(cluster):
    here, bodies = cluster.nodes[0], Bodies()
    records = [bodies.record(os.urandom(400)) for _ in range(3)]
    gone = records[1]
    while now_ms() <= gone.created_at:
        pass  # of two versions of one millisecond either may be the later
    await here.side.deletes.order(DeleteOrder(gone.asset_id, gone.bucket, gone.public_id, gone.set, 0))
    version = here.index.asset(gone.asset_id).tombstone.version
    assert version >= gone.version
    assert await kept(here, bodies, records) == [True, False, True]
    assert not here.file(gone).exists()
    assert here.holds(records[0])


async def test_one_that_the_disk_refuses_costs_only_itself(cluster, monkeypatch):
    here, bodies = cluster.nodes[0], Bodies()
    records = [bodies.record(os.urandom(400)) for _ in range(3)]
    here.file(records[1]).mkdir(parents=True)  # no file can be renamed over it
    (here.file(records[1]) / "x").touch()
    first, second, third = await kept(here, bodies, records)
    assert first is third is True
    assert isinstance(second, StoreFailed)
    assert here.index.blob(records[1].bucket, records[1].blob.sha256) is None
    assert list((here.store.path(address_of(records[0]).key).parents[4] / "incoming").iterdir()) == []


@pytest.mark.parametrize("step", ["publish", "commit"])
async def test_what_goes_wrong_unforeseen_gives_the_locks_back_and_leaves_no_file(cluster, monkeypatch, step):
    here, bodies = cluster.nodes[0], Bodies()
    records = [bodies.record(os.urandom(400)) for _ in range(3)]

    def refuse(*_args, **_options):
        raise MemoryError

    with monkeypatch.context() as broken:
        owner, name = (here.store, "publish_all") if step == "publish" else (here.index, "write")
        broken.setattr(owner, name, refuse)
        assert [type(outcome) for outcome in await kept(here, bodies, records)] == [MemoryError] * 3
    assert not any(here.file(each).exists() for each in records)
    assert await asyncio.wait_for(kept(here, bodies, records), 20) == [True] * 3


async def test_when_the_threads_have_ended_nobody_waits_for_them(cluster):
    here, bodies = cluster.nodes[0], Bodies()
    records = [bodies.record(os.urandom(400)) for _ in range(3)]
    ended = ThreadPoolExecutor(1)
    ended.shutdown()
    keeper_of(here)._writers = ended
    outcomes = await kept(here, bodies, records)
    assert [type(outcome) for outcome in outcomes] == [RuntimeError] * 3


async def test_blobs_that_share_a_lock_are_kept_and_so_are_crowds_that_share_some(cluster):
    here, there = cluster.nodes
    by_stripe: dict[int, bytes] = {}
    pair: tuple[bytes, bytes] | None = None
    while pair is None:
        body = os.urandom(16)
        stripe = int(hashlib.sha256(body).hexdigest()[:8], 16) % 1024
        pair = (by_stripe[stripe], body) if stripe in by_stripe else None
        by_stripe[stripe] = body
    records = [there.hold(body) for body in (*pair, *(os.urandom(400) for _ in range(20)))]
    orders = [PullOrder(each, (there.name,)) for each in records]
    crowds = [here.side.orders.execute_all(some) for some in (orders, orders[::-1], orders[5:])]
    for answers in await asyncio.wait_for(asyncio.gather(*crowds), 20):
        assert all(answer.result is not None for answer in answers)
    assert all(map(here.holds, records))


def test_who_takes_several_locks_never_waits_for_another_who_does():
    locks, names = BlobLocks(), [f"{n:08x}" for n in (3, 1, 2, 1)]
    rounds = 200

    def take(order: list[str]) -> None:
        for _ in range(rounds):
            held = locks.acquire_all(order)
            for _ in order:
                held.release()

    threads = [threading.Thread(target=take, args=(order,)) for order in (names, names[::-1], names[1:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert all(locks.of(name).acquire() for name in set(names))  # all were given back


async def test_a_large_one_goes_by_itself(cluster, monkeypatch):
    here, there = cluster.nodes
    jobs: list[int] = []
    keeper = keeper_of(here)._keeper
    keep_all = keeper.keep_all
    monkeypatch.setattr(keeper, "keep_all", lambda some: jobs.append(len(some)) or keep_all(some))
    records = [there.hold(os.urandom(size)) for size in (400, 400, 3_000_000)]
    orders = [PullOrder(each, (there.name,)) for each in records]
    answers = await here.side.orders.execute_all(orders)
    assert [answer.result.status for answer in answers] == ["stored"] * 3
    assert jobs == [2]
