"""What nobody reads is read all the same; bad copies are found and replaced; restarts lose nothing."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from node_fixture import NodeProcess, new_region, picture
from node_fixture import until as until_now
from read_cluster import ReadCluster, ReadNode, flip, read_cluster, record_of, until

from atoll.lifecycle import Stop, Tasks
from atoll.model import AssetRecord, Node
from atoll.node_api import DeleteOrder
from atoll.node_client import NodeClient, open_session
from atoll.scrub_api import ScrubOrder, ScrubStatus
from storage_node.chunks import CHUNK_BYTES
from storage_node.disk_probe import TrustedDisk
from storage_node.index_repairs import reverified
from storage_node.inspection import Inspector
from storage_node.pull import address_of
from storage_node.scrub import Scrubber
from storage_node.scrub_look import Decoding
from storage_node.scrub_rate import Pace
from storage_node.scrub_reading import PacedReading
from storage_node.scrub_rows import ScrubMemory, remember
from storage_node.store import BlobKey, StoreFailed
from storage_node.worker_pool import PoolLimits

pytestmark = pytest.mark.integration

QUICK = Pace(period=0.8, floor=2.0**30, ceiling=2.0**40)  # due again after 0.1 s
SIZES = {"one chunk": 8_000, "a few chunks": 600_000, "many chunks": 3_000_000}


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


@pytest.fixture
def node(engines: Any, tmp_path: Path) -> Iterator[NodeProcess]:
    made = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), {})
    yield made
    made.end()


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector(PoolLimits(workers=1)) as running:
        yield running


def scrubber_of(
    node: ReadNode, thread: ThreadPoolExecutor, *, pace: Pace = QUICK, decoding: Any = None, store: Any = None
) -> Scrubber:
    """A scrubber that is not running."""
    store = store or node.store
    return Scrubber(
        node.origin,
        node.index,
        node.side.local.judge,
        decoding or Decoding(store, None, 0.0, random.Random(1)),  # type: ignore[arg-type]  # none is chosen
        TrustedDisk(),
        lambda: 0.0,
        lambda: (10, 10_000_000),
        lambda: False,
        partial(PacedReading, store, thread, pace),
    )


@asynccontextmanager
async def scrubbing(node: ReadNode, **parts: Any) -> AsyncIterator[Scrubber]:
    """A scrubber at work, as long as the context lasts."""
    with ThreadPoolExecutor(1) as thread:
        scrubber, stop = scrubber_of(node, thread, **parts), Stop()
        try:
            async with Tasks(stop) as tasks:
                tasks.start("scrub", scrubber.run())
                yield scrubber
        finally:
            scrubber.reading.close()
        assert not stop.failed


def verified_at(node: ReadNode, record: AssetRecord) -> int:
    held = node.index.blob(record.bucket, record.blob.sha256)
    return held.verified_at if held else 0


DAMAGES: dict[str, Callable[[Path, int], object]] = {
    "a bit in the first chunk": lambda path, size: flip(path, 10),
    "a bit in the last byte": lambda path, size: flip(path, size - 1),
    "cut short": lambda path, size: os.truncate(path, size - 1),
    "cut to nothing": lambda path, size: os.truncate(path, 0),
    "grown": lambda path, size: path.write_bytes(path.read_bytes() + b"x"),
    "gone": lambda path, size: path.unlink(),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("how", DAMAGES)
async def test_a_bad_copy_that_nobody_asks_for_is_found_and_replaced(
    cluster: ReadCluster, how: str, size: int
) -> None:
    here, there = cluster.nodes
    body = os.urandom(size)
    record = here.hold(body)
    there.hold(body, record)
    here.file(record).chmod(0o644)
    DAMAGES[how](here.file(record), size)
    async with scrubbing(here) as scrubber:
        await until(lambda: scrubber.bad == 1, "it was not found")
        await until(lambda: here.holds(record), "it was not replaced")
    assert here.index.counts().quarantined == 1
    assert scrubber.facts.bad == 1


async def test_wrong_chunk_digests_are_mended_and_the_copy_stays(cluster: ReadCluster) -> None:
    here, _ = cluster.nodes
    body = os.urandom(2 * CHUNK_BYTES)
    record = here.hold(body)
    here.index.write(reverified(address_of(record).key, bytes(64), 1)).result()
    async with scrubbing(here) as scrubber:
        await until(lambda: verified_at(here, record) > 1, "it was not mended")
    held = here.index.blob(record.bucket, record.blob.sha256)
    assert held is not None
    assert held.chunk_digests != bytes(64)
    assert (scrubber.bad, here.index.counts().quarantined) == (0, 0)


async def test_every_blob_is_read_again_and_the_index_says_when(cluster: ReadCluster) -> None:
    here, _ = cluster.nodes
    records = [here.hold(os.urandom(500)) for _ in range(100)]
    before = {record.asset_id: verified_at(here, record) for record in records}
    async with scrubbing(here) as scrubber:
        await until(
            lambda: all(verified_at(here, record) > before[record.asset_id] for record in records),
            "not all were read",
        )
        await until(lambda: scrubber.facts.progress > 0, "no progress is told")
    assert scrubber.blobs >= 100
    assert scrubber.reading.bytes >= 100 * 500
    assert scrubber.bad == 0


async def test_what_was_read_longest_ago_comes_first_also_after_a_restart(cluster: ReadCluster) -> None:
    here, _ = cluster.nodes
    records = [here.hold(os.urandom(500)) for _ in range(10)]
    ages = list(range(1, 11))
    random.Random(5).shuffle(ages)
    for record, age in zip(records, ages, strict=True):
        here.index.write(reverified(address_of(record).key, b"", age)).result()
    read: list[str] = []

    class Watched:
        def scan(self, key: BlobKey) -> Iterator[bytes]:
            read.append(key.sha256)
            if len(read) == 4:
                running.reading.close()  # as the node's end does
            return here.store.scan(key)

    with ThreadPoolExecutor(1) as thread:
        running = scrubber_of(here, thread, store=Watched())
        task = asyncio.create_task(running.run())
        with pytest.raises(Exception):  # noqa: B017 - the thread is ended under it
            await task
    oldest_first = [r.blob.sha256 for _, r in sorted(zip(ages, records, strict=True), key=lambda p: p[0])]
    assert read == oldest_first[:4]
    async with scrubbing(here, store=Watched(), pace=Pace(2**30, 2.0**30, 2.0**40)):
        await until(lambda: len(read) >= 11, "it did not go on")
    assert read[4:11] == oldest_first[3:]  # the one under way once more, none left out


async def test_what_was_checked_while_the_clock_was_ahead_is_read_in_a_new_round_and_dated_anew(
    cluster: ReadCluster,
) -> None:
    here, _ = cluster.nodes
    records, year = [here.hold(os.urandom(500)) for _ in range(3)], 365 * 86_400_000
    ahead = here.origin.now_ms() + year
    for record in records:
        here.index.write(reverified(address_of(record).key, b"", ahead)).result()
    here.index.write(remember(ScrubMemory(round_at=ahead))).result()
    async with scrubbing(here, pace=Pace(1000, 2.0**30, 2.0**40)) as scrubber:
        await until(lambda: scrubber.blobs == 3, "they were not read")
        await until(lambda: scrubber.status().state == "resting", "it reads them again and again")
        assert scrubber.status().round_started_at < ahead
    assert all(verified_at(here, record) < ahead for record in records)
    assert scrubber.blobs == 3


async def test_what_cannot_be_dated_is_as_late_as_the_period(cluster: ReadCluster) -> None:
    here, _ = cluster.nodes
    record = here.hold(os.urandom(500))
    ahead = here.origin.now_ms() + 86_400_000
    here.index.write(reverified(address_of(record).key, b"", ahead)).result()
    here.index.write(remember(ScrubMemory(paused=True))).result()
    async with scrubbing(here, pace=Pace(1000, 2.0**30, 2.0**40)) as scrubber:
        await until(lambda: scrubber.facts.overdue == 1, "it counts as read")
        assert scrubber.oldest_seconds == 1000
        assert scrubber.facts.progress == 0


async def test_a_pause_is_remembered_and_nothing_is_read_until_it_ends(cluster: ReadCluster) -> None:
    here, _ = cluster.nodes
    record = here.hold(os.urandom(500))
    async with scrubbing(here) as scrubber:
        await until(lambda: scrubber.blobs > 0, "it never began")
        await scrubber.pause(True)
        assert scrubber.status().state == "paused"
    async with scrubbing(here) as scrubber:
        await until(lambda: scrubber.status().state == "paused", "the pause was forgotten")
        await until(lambda: scrubber.facts.overdue == 1, "the time does not go on")
        assert scrubber.blobs == 0
        await scrubber.pause(False)
        await until(lambda: scrubber.blobs > 0, "it did not go on")
    assert here.holds(record)


async def test_a_blob_that_the_disk_cannot_read_now_does_not_hold_up_the_others(
    cluster: ReadCluster,
) -> None:
    here, _ = cluster.nodes
    first, *others = [here.hold(os.urandom(500)) for _ in range(3)]
    here.index.write(reverified(address_of(first).key, b"", 1)).result()

    class Stubborn:
        def scan(self, key: BlobKey) -> Iterator[bytes]:
            if key == address_of(first).key:
                raise StoreFailed("busy") from OSError(errno.EMFILE, "too many open files")
            return here.store.scan(key)

    with ThreadPoolExecutor(1) as thread:
        scrubber = scrubber_of(here, thread, store=Stubborn())
        before = [verified_at(here, record) for record in others]
        await asyncio.sleep(0.12)  # until they are due; no event tells
        with pytest.raises(StoreFailed):
            await scrubber._work()
        await scrubber._work()
        assert all(verified_at(here, r) > b for r, b in zip(others, before, strict=True))
        assert verified_at(here, first) == 1
    assert here.index.counts().quarantined == 0


async def test_a_blob_that_is_deleted_meanwhile_is_no_bad_copy(cluster: ReadCluster) -> None:
    here, _ = cluster.nodes
    record = here.hold(os.urandom(500))
    with ThreadPoolExecutor(1) as thread:
        scrubber = scrubber_of(here, thread)
        held = here.index.blob(record.bucket, record.blob.sha256)
        assert held is not None
        order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set)
        await here.side.deletes.order(order)
        await until(lambda: here.index.blob(record.bucket, record.blob.sha256) is None, "not deleted")
        await until(lambda: not here.file(record).exists(), "its file is still there")
        await scrubber._scrub(held)
    assert scrubber.bad == 0
    assert here.index.counts().quarantined == 0


def spoilt(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoilt, "undecodable"),
        (lambda body: body[:-300], "truncated"),
        (lambda body: body[:8] + b"\x7f" * 100, "other_size"),
    ],
    ids=["spoilt", "cut short", "another header"],
)
async def test_right_bytes_that_cannot_be_decoded_are_told_and_stay(
    cluster: ReadCluster, inspector: Inspector, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    here, _ = cluster.nodes
    good = here.hold(picture("PNG"))
    body = spoil(picture("PNG"))
    bad = here.hold(body, record_of(body))
    decoding = Decoding(here.store, inspector, 1.0, random.Random(1))
    async with scrubbing(here, decoding=decoding) as scrubber:
        await until(lambda: scrubber.facts.unreadable == 1, "it was not told")
        await until(lambda: scrubber.decoded >= 2, "the good one was not decoded")
        (told,) = scrubber.status().unreadable
        assert (told.sha256, told.reason) == (bad.blob.sha256, reason)
    assert here.holds(bad)
    assert here.holds(good)
    assert here.index.counts().quarantined == 0
    none_of_them = Decoding(here.store, inspector, 0.0, random.Random(1))  # but what was unreadable once
    async with scrubbing(here, decoding=none_of_them) as scrubber:
        await until(lambda: scrubber.facts.unreadable == 1, "it was forgotten over a restart")
        order = DeleteOrder(bad.asset_id, bad.bucket, bad.public_id, bad.set)
        await here.side.deletes.order(order)
        await until(lambda: scrubber.facts.unreadable == 0, "a deleted picture is still told")


def test_a_node_scrubs_tells_and_obeys_over_a_restart(node: NodeProcess) -> None:
    node.settings.update(scrub_seconds=4, scrub_min_rate=2**20)
    node.start()
    answers = [node.put(picture()).json for _ in range(3)]
    status = until_now(lambda: (s := ask(node)).blobs >= 3 and s)
    assert (status.node, status.facts.bad, status.facts.paused) == (node.name, 0, False)
    assert ask(node, paused=True).state == "paused"
    node.kill()
    (blob,) = (node.data / "blobs").rglob(f"{answers[0]['sha256']}.*")
    flip(blob, 5)
    node.start()
    assert ask(node).facts.paused
    assert "atoll_scrub_paused 1.0" in node.request("GET", "/metrics").json.decode()
    assert not ask(node, paused=False).facts.paused
    until_now(lambda: ask(node).facts.bad == 1)
    until_now(lambda: node.index("SELECT count(*) FROM quarantined") == [(1,)])


def ask(node: NodeProcess, *, paused: bool | None = None) -> ScrubStatus:
    """The status, or an order."""
    return asyncio.run(_ask(node, paused))


async def _ask(node: NodeProcess, paused: bool | None) -> ScrubStatus:
    async with open_session() as session:
        client = NodeClient(session, node.keys, "test")
        place = Node(node.name, node.region, "s1", node.url)
        method, body = ("GET", None) if paused is None else ("POST", ScrubOrder(paused))
        return await client.call(place, method, "/internal/v1/scrub", ScrubStatus, body=body)
