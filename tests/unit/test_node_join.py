"""How a node enters the map, and that one that was removed stays out."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import msgspec

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap, Entry, key_of
from atoll.errors import Conflict, Unavailable
from atoll.model import Node, Region, ReplicaSet
from storage_node.join import keep_joined
from storage_node.settings import NodeSettings

SETTINGS = NodeSettings(
    name="n1",
    region="r1",
    set="s1",
    listen_port=1,
    cluster_secret_file=Path("x"),
    state_dir=Path("x"),
    nats_url="nats://x",
    public_url="http://n1",
    data_dir=Path("x"),
    region_lat=1.0,
    region_lon=2.0,
)
NODE = Node("n1", "r1", "s1", "http://n1", "active", 5)


class FakeMap:
    """A cluster map in memory; `refuse` is raised by the next writes, one each."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = {key_of(entry): entry for entry in entries}
        self.refuse: list[Exception] = []
        self.written: list[Entry] = []
        self.changed = asyncio.Event()

    @property
    def current(self) -> ClusterMap:
        return ClusterMap.of(self.entries.values())

    async def synced(self) -> None:
        return

    async def put(self, entry: Entry, *, only_if_absent: bool = False) -> None:
        if self.refuse:
            raise self.refuse.pop(0)
        if only_if_absent and key_of(entry) in self.entries:
            raise Conflict("is there")
        self.entries[key_of(entry)] = entry
        self.written.append(entry)
        self.changed.set()

    async def change(self, entry: Entry, make) -> Entry:
        changed = make(self.entries[key_of(entry)])
        await self.put(changed)
        return changed


@contextlib.asynccontextmanager
async def joining(fake: FakeMap, settings: NodeSettings = SETTINGS):
    task = asyncio.create_task(keep_joined(settings, fake))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def joined(fake: FakeMap, settings: NodeSettings = SETTINGS) -> ClusterMap:
    """The map once the node is in it as its settings say."""
    async with joining(fake, settings), asyncio.timeout(10):
        while getattr(fake.current.nodes.get(settings.name), "url", "") != settings.public_url:
            fake.changed.clear()
            await fake.changed.wait()
    return fake.current


async def test_a_node_announces_its_region_and_set_before_itself():
    fake = FakeMap()
    found = await joined(fake)
    assert [type(entry) for entry in fake.written] == [Region, ReplicaSet, Node]
    assert (found.regions["r1"].lat, found.regions["r1"].lon) == (1.0, 2.0)
    assert (found.nodes["n1"].state, found.nodes["n1"].url) == ("active", "http://n1")


async def test_what_is_in_the_map_already_is_left_as_it_is():
    fake = FakeMap(Region("r1", 50, 8, "hub"), ReplicaSet("s1", sealed=True))
    found = await joined(fake)
    assert fake.written == [found.nodes["n1"]]
    assert found.regions["r1"].jetstream_domain == "hub"
    assert found.sets["s1"].sealed


async def test_a_node_that_moved_says_so_and_keeps_its_state_and_age():
    fake = FakeMap(Region("r1", 1, 2), ReplicaSet("s1"), msgspec.structs.replace(NODE, state="draining"))
    found = await joined(fake, replace(SETTINGS, public_url="http://elsewhere"))
    assert (found.nodes["n1"].state, found.nodes["n1"].joined_at) == ("draining", 5)


async def test_a_node_that_is_in_the_map_as_it_is_writes_nothing():
    fake = FakeMap(Region("r1", 1, 2), ReplicaSet("s1"), NODE)
    await joined(fake)
    assert fake.written == []


async def test_a_removed_node_stays_out():
    fake = FakeMap(msgspec.structs.replace(NODE, state="removed", url="http://before"))
    async with joining(fake):
        for _ in range(10):
            await asyncio.sleep(0)  # it has looked, found itself removed, and waits
    assert fake.written == []


async def test_a_bus_that_is_away_is_waited_for():
    fake = FakeMap()
    fake.refuse = [Unavailable("no bus"), Unavailable("no bus")]
    assert "n1" in (await joined(fake)).nodes


async def test_another_node_that_announced_the_region_first_is_no_failure():
    fake = FakeMap()
    fake.refuse = [Conflict("faster")]
    assert "n1" in (await joined(fake)).nodes


async def test_a_node_outside_a_buckets_home_regions_does_not_join_the_set_that_lies_in_them(caplog):
    there = Node("n2", "r2", "s1", "http://n2")
    pinned = Bucket("photos", home_regions=("r2",))
    fake = FakeMap(Region("r1", 1, 2), Region("r2", 3, 4), ReplicaSet("s1"), there, pinned)
    async with joining(fake), asyncio.timeout(10):
        while "not joining: set s1 holds images" not in caplog.text:  # noqa: ASYNC110 - a log line sets no event
            await asyncio.sleep(0)
    assert "n1" not in fake.current.nodes
    assert (await joined(FakeMap(*fake.entries.values()), replace(SETTINGS, set="s2"))).nodes["n1"]


async def test_a_new_region_is_announced_with_its_jetstream_domain():
    found = await joined(FakeMap(), replace(SETTINGS, nats_region_domain="d1"))
    assert found.regions["r1"].jetstream_domain == "d1"


async def test_a_region_that_gets_a_domain_later_is_told_once_and_keeps_its_place():
    fake = FakeMap(Region("r1", 50, 8), ReplicaSet("s1"))
    found = await joined(fake, replace(SETTINGS, nats_region_domain="d1"))
    assert found.regions["r1"] == Region("r1", 50, 8, "d1")


async def test_a_domain_that_the_map_has_is_not_overruled_by_one_node():
    fake = FakeMap(Region("r1", 50, 8, "hub"), ReplicaSet("s1"))
    found = await joined(fake, replace(SETTINGS, nats_region_domain="d1"))
    assert found.regions["r1"].jetstream_domain == "hub"
