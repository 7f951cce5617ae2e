"""What a node says of itself, from what it measured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from memory_store import MemoryStore

from atoll.bus import BusUnavailable
from atoll.cluster import ClusterMap
from atoll.events import open_heartbeat
from atoll.heartbeat import Heartbeat
from atoll.lifecycle import Stop
from atoll.metrics import new_registry
from atoll.model import Node, Region, ReplicaSet
from atoll.signing import Keys
from storage_node.heartbeats import Heartbeats
from storage_node.index import Counts
from storage_node.origin import Origin
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.store import BlobKey, StoreFailed

KEYS = Keys(b"a secret that is long enough for it")
NOW = 1_700_000_000_000


class Ear:
    """A bus that hears one node; `away`: NATS is not there."""

    def __init__(self) -> None:
        self.heard: list[Heartbeat] = []
        self.away = False

    async def publish(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        if self.away:
            raise BusUnavailable("away")
        self.heard.append(open_heartbeat(subject, body, headers, KEYS))


class Long(bytes):
    """Bytes that say they are longer than they are."""

    def __new__(cls, length: int) -> Long:
        made = super().__new__(cls)
        made.length = length
        return made

    def __len__(self) -> int:
        return self.length


class Stage:
    """Heartbeats over parts that the test moves."""

    def __init__(self, tmp_path: Path, threads: ThreadPoolExecutor) -> None:
        self.ear, self.stop, self.current = Ear(), Stop(), ClusterMap()
        self.counts_now = Counts(3, 3000, 2, NOW - 1500, 4, 5)
        self.under_way = 0
        self.store = MemoryStore()
        self.disk = SimpleNamespace(failing=False, read_only=False)
        settings = NodeSettings(
            name="n1",
            region="r1",
            set="s1",
            listen_port=1,
            cluster_secret_file=tmp_path,
            state_dir=tmp_path,
            nats_url="nats://x",
            public_url="http://n1",
            data_dir=tmp_path,
            max_uploads=10,
        )
        origin = Origin("n1", "r1", "s1", lambda: NOW)
        self.space = SpaceGuard(2**39, None)
        self.heartbeats = Heartbeats(
            settings,
            origin,
            self,
            self.store,
            self.space,
            self,
            self.ear,
            KEYS,
            threads,
            lambda: self.under_way,
            self.stop,
            new_registry("storage_node", "n1", "r1"),
            self.disk,
        )

    def counts(self) -> Counts:
        return self.counts_now

    async def beat(self) -> Heartbeat:
        await self.heartbeats.measure()
        await self.heartbeats.beat()
        return self.ear.heard[-1]


@pytest.fixture
def stage(tmp_path):
    with ThreadPoolExecutor(1) as threads:
        yield Stage(tmp_path, threads)


def in_map(state):
    return ClusterMap.of([Region("r1", 1, 2), ReplicaSet("s1"), Node("n1", "r1", "s1", "http://n1", state)])


async def test_a_heartbeat_carries_what_was_measured(stage):
    beat = await stage.beat()
    assert (beat.node, beat.region, beat.set, beat.url, beat.at) == ("n1", "r1", "s1", "http://n1", NOW)
    assert (beat.blobs, beat.outbox, beat.outbox_age_ms, beat.wanted, beat.quarantined) == (3, 2, 1500, 4, 5)
    assert (beat.bytes_total, beat.bytes_free) == (2**40, 2**40)
    assert not beat.read_only


async def test_an_empty_outbox_has_no_age(stage):
    stage.counts_now = Counts(0, 0, 0, 0, 0, 0)
    assert (await stage.beat()).outbox_age_ms == 0


@pytest.mark.parametrize(("state", "said"), [("active", "ready"), ("draining", "draining")])
async def test_a_node_is_what_the_map_says(stage, state, said):
    stage.current = in_map(state)
    assert (await stage.beat()).state == said


async def test_a_node_that_is_not_in_the_map_yet_is_ready(stage):
    assert (await stage.beat()).state == "ready"


async def test_a_node_that_ends_says_so_whatever_the_map_says(stage):
    stage.current = in_map("draining")
    stage.stop.request()
    assert (await stage.beat()).state == "stopping"


async def test_below_the_reserve_a_node_says_that_it_is_read_only(stage):
    stage.store.blobs[BlobKey("b", "0" * 64, "jpg")] = Long(2**40 - 2**38)
    beat = await stage.beat()
    assert beat.read_only
    assert beat.bytes_free == 2**38


async def test_without_nats_a_beat_is_no_failure(stage):
    stage.ear.away = True
    await stage.heartbeats.beat()
    assert stage.ear.heard == []


async def test_a_node_whose_disk_gives_no_answer_says_so_and_stopping_comes_first(stage):
    stage.disk.failing = True
    assert (await stage.beat()).state == "failing"
    stage.stop.request()
    assert (await stage.beat()).state == "stopping"


async def test_a_disk_that_hangs_stops_no_heartbeat(stage):
    await stage.beat()
    hung, counts = Event(), stage.counts
    stage.counts = lambda: hung.wait() and counts()
    stage.counts_now = Counts(9, 9000, 0, 0, 0, 0)
    for _ in range(3):
        assert (await stage.beat()).blobs == 3  # as last known
    hung.set()
    while (await stage.beat()).blobs != 9:
        pass


async def test_a_disk_that_refuses_to_be_looked_at_stops_no_heartbeat_either(stage):
    await stage.beat()
    counts = stage.counts

    def refused() -> Counts:
        raise StoreFailed("The node's index failed: disk I/O error")

    stage.counts = refused
    beat = await stage.beat()
    assert (beat.state, beat.blobs) == ("failing", 3)  # as last known
    stage.counts = counts
    assert (await stage.beat()).state == "ready"


async def test_a_disk_that_cannot_be_looked_at_at_all_starts_no_node(stage):
    def refused() -> Counts:
        raise StoreFailed("The node's index failed: disk I/O error")

    stage.counts = refused
    with pytest.raises(StoreFailed):
        await stage.heartbeats.measure()
