"""Which heartbeats a node hears: those of its own set, as the map says now."""

from __future__ import annotations

import asyncio

import pytest
from bus_settings import DEADLINE, settings_for
from heartbeat_maker import a_beat, sealed
from own_nats import OwnNats

from atoll.bus import Bus
from atoll.cluster import ClusterMap
from atoll.lifecycle import Stop, Tasks
from atoll.model import Node, Region, ReplicaSet
from atoll.set_beats import SetBeats
from atoll.signing import Keys

pytestmark = pytest.mark.integration
KEYS = Keys(b"k" * 32)


class HandMap:
    """A cluster map that the test changes."""

    def __init__(self, *nodes: Node) -> None:
        self._listeners = []
        self.current = self.of(nodes)

    def of(self, nodes):
        sets = [ReplicaSet("s1"), ReplicaSet("s2")]
        return ClusterMap.of([Region("eu", 50, 8), Region("us", 40, -74), *sets, *nodes])

    def on_change(self, listener):
        self._listeners.append(listener)

    def become(self, *nodes):
        self.current = self.of(nodes)
        for listener in self._listeners:
            listener(self.current)


def node(name, region, set_name):
    return Node(name, region, set_name, f"http://{name}.test")


EU_1, US_1, EU_2, US_2 = (
    node("eu-1", "eu", "s1"), node("us-1", "us", "s1"), node("eu-2", "eu", "s2"), node("us-2", "us", "s2"),
)  # fmt: skip


class Ear:
    """What a node hears when nodes say something, and who they are."""

    def __init__(self, bus, speakers) -> None:
        self._bus, self._speakers, self._heard = bus, speakers, []

    def take(self, beat) -> None:
        self._heard.append(beat.node)

    async def hears(self):
        """Who is heard when all of them say something, the last one twice."""
        self._heard.clear()
        for each in (*self._speakers, self._speakers[-1]):
            beat = a_beat(each.name, region=each.region, set=each.set)
            await self._bus.publish(*sealed(beat, KEYS))
        await self._bus.flush()
        return set(self._heard)

    async def comes_to_hear(self, *names):
        async with asyncio.timeout(DEADLINE):
            while await self.hears() != set(names):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.01)


async def test_a_node_hears_its_set_as_the_map_names_it_now_and_no_other(tmp_path):
    server = OwnNats(tmp_path)
    server.start()
    try:
        async with Bus(settings_for(tmp_path, server.url)).opened() as bus, Tasks(Stop()) as tasks:
            world, ear, left = HandMap(), Ear(bus, (US_2, EU_2, US_1, EU_1)), []
            tasks.start("beats", SetBeats(bus, world, KEYS, "eu-1", ear.take, left.append).run())
            await bus.wait_connected()
            assert await ear.hears() == set()  # it is in no map yet
            world.become(EU_1, US_1, EU_2, US_2)
            await ear.comes_to_hear("eu-1", "us-1")
            world.become(EU_1, node("us-1", "us", "s2"), EU_2, node("us-2", "us", "s1"))
            await ear.comes_to_hear("eu-1", "us-2")
            assert left == ["us-1"]  # its silence means nothing from now on
            await bus.publish("atoll.heartbeat.us.us-2", b"forged")
            await ear.comes_to_hear("eu-1", "us-2")  # a forged one is dropped, and nothing ends
    finally:
        server.kill()
