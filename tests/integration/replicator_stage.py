"""The stage for a replicator's tests: real NATS, three regions, a stand-in node, and the real app.

Region and node names are random, so that tests share one NATS: the node under test is `here`, the peers
`near` and `far` exist in the cluster map (and publish, by `stage.upload`), but run nowhere.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import nats.js.errors
from standin_node import StandinNode

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.events import (
    AssetDeleted,
    BlobStored,
    Event,
    heartbeat_subject,
    parked_subject,
    seal_event,
    seal_heartbeat,
    stream_of,
    subject_of,
)
from atoll.heartbeat import Heartbeat
from atoll.ids import new_id, now_ms
from atoll.lifecycle import Stop
from atoll.local.ports import any_free_port
from atoll.model import AssetRecord, Blob, Node, Picture, Region, Tombstone
from atoll.signing import Keys
from atoll.streams import ensure_stream
from replicator.app import run
from replicator.settings import ReplicatorSettings

DEADLINE = 30.0


async def until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE) -> None:
    """Wait for a condition, not for a time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)


def new_asset(set_name: str, size: int = 1000, at: int | None = None) -> AssetRecord:
    asset_id = new_id(at)
    blob = Blob("pictures", secrets.token_hex(32), "jpg", size, Picture(10, 10))
    return AssetRecord(asset_id, asset_id, new_id(at), set_name, blob, now_ms() if at is None else at)


class Running:
    """One running replicator."""

    def __init__(self, settings: ReplicatorSettings) -> None:
        self.settings = settings
        self.stop = Stop()
        self.task = asyncio.create_task(run(settings, self.stop), name="replicator")

    async def end(self) -> None:
        """As SIGTERM does."""
        self.stop.request()
        await self.task

    async def crash(self) -> None:
        """As near to SIGKILL as a task can come: no answer goes out any more."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def status(self) -> dict[str, Any]:
        return msgspec.json.decode(await self.get("/health"))

    async def shows(self, what: str, condition: Callable[[dict[str, Any]], object]) -> None:
        """Wait until /health says so."""
        end = time.monotonic() + DEADLINE
        while True:
            with suppress(OSError):  # it does not listen yet
                if condition(await self.status()):
                    return
            assert time.monotonic() < end, f"not within {DEADLINE} s: {what}"
            await asyncio.sleep(0.02)

    async def get(self, path: str) -> bytes:
        url = f"http://127.0.0.1:{self.settings.listen_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.status == 200
            return await response.read()

    async def metric(self, line: str) -> float:
        """The value of one line of /metrics; 0 when it is not there yet."""
        for got in (await self.get("/metrics")).decode().splitlines():
            if got.startswith(line + " "):
                return float(got.split()[-1])
        return 0.0


class Stage:
    def __init__(self, nats_url: str, directory: Path) -> None:
        tail = secrets.token_hex(4)
        secret = secrets.token_bytes(32).hex().encode()
        self.keys = Keys(secret)
        self.directory = directory
        self.secret_file = directory / "cluster.secret"
        self.secret_file.write_bytes(secret)
        self.secret_file.chmod(0o600)
        self.nats_url = nats_url
        self.set = f"s{tail}"
        self.here = Region(f"here{tail}", 50, 8)
        self.near = Region(f"near{tail}", 48, 2)
        self.far = Region(f"far{tail}", 1, 103)
        self.regions = (self.here, self.near, self.far)
        self.node = StandinNode(f"node-here-{tail}", self.here.name, self.set, any_free_port(), self.keys)
        self.peers = {
            r.name: Node(f"node-{r.name}", r.name, self.set, "http://127.0.0.1:1") for r in self.regions[1:]
        }
        self.durable = f"replicator-{self.node.name}"
        self.bus = Bus(self.settings())
        self.map = LiveClusterMap(self.bus, self.keys, directory / "test", domain=None, replicas=1)
        self._running: list[Running] = []
        self._standins: list[StandinNode] = []

    def settings(self, **changes: Any) -> ReplicatorSettings:
        given: dict[str, Any] = {
            "name": f"{self.node.name[:20]}-r",
            "node": self.node.name,
            "region": self.here.name,
            "listen_port": any_free_port(),
            "cluster_secret_file": self.secret_file,
            "state_dir": self.directory / "state",
            "nats_url": self.nats_url,
            "retry_first_seconds": 0.02,
            "retry_cap_seconds": 0.1,
            "node_probe_seconds": 0.05,
            "wanted_seconds": 0.1,
            "backlog_seconds": 0.1,
            "drain_seconds": 5.0,
            "repair_seconds": 0.2,
            "repair_grace_seconds": 0.0,
            "pulls_together": 1,
        }
        return ReplicatorSettings(**(given | changes))

    @property
    def near_node(self) -> str:
        return self.peers[self.near.name].name

    @property
    def far_node(self) -> str:
        return self.peers[self.far.name].name

    async def open(self) -> None:
        """Streams and map as the nodes make them; the node under test is up."""
        await self.bus.wait_connected()
        for region in self.regions:
            await self.make_stream(region)
            await self.map.put(region)
        for peer in self.peers.values():
            await self.map.put(peer)
        await self.join()
        await self.node.up()

    async def raise_peer(self, region: Region) -> StandinNode:
        """The peer of a region, really there."""
        name = self.peers[region.name].name
        peer = StandinNode(name, region.name, self.set, any_free_port(), self.keys)
        self._standins.append(peer)
        await peer.up()
        self.peers[region.name] = Node(name, region.name, self.set, peer.url)
        await self.map.put(self.peers[region.name])
        return peer

    @property
    def own_entry(self) -> Node:
        return Node(self.node.name, self.here.name, self.set, self.node.url)

    async def join(self) -> None:
        await self.map.put(self.own_entry)

    async def make_stream(self, region: Region) -> None:
        await ensure_stream(self.bus, region, 1, 1)

    def start(self, **changes: Any) -> Running:
        running = Running(self.settings(**changes))
        self._running.append(running)
        return running

    async def close(self) -> None:
        for running in self._running:
            if not running.task.done():
                await running.end()
        for node in (self.node, *self._standins):
            await node.down()
        for region in self.regions:
            await self.wipe(region)
        for entry in (self.own_entry, *self.peers.values(), *self.regions):
            await self.map.remove(entry)

    async def wipe(self, region: Region) -> None:
        with suppress(nats.js.errors.NotFoundError):
            await self.js.delete_stream(stream_of(region.name))

    @property
    def js(self):
        return self.bus.jetstream()

    async def upload(self, region: Region, size: int = 1000, at: int | None = None) -> AssetRecord:
        """An upload in a region: its node's event is on its stream. `at` is in Unix milliseconds."""
        asset = new_asset(self.set, size, at)
        node = self.node.name if region is self.here else self.peers[region.name].name
        await self.publish(BlobStored(new_id(), asset.created_at, node, region.name, self.set, asset))
        return asset

    async def delete(self, region: Region, asset: AssetRecord) -> None:
        stone = Tombstone(asset.asset_id, asset.bucket, asset.public_id, self.set, asset.version, now_ms())
        await self.publish(
            AssetDeleted(new_id(), now_ms(), self.peers[region.name].name, region.name, self.set, stone)
        )

    async def publish(self, event: Event) -> None:
        body, headers = seal_event(event, self.keys)
        await self.js.publish(subject_of(event), body, headers=headers)

    async def beat(self, node: str, region: Region, load: float = 0) -> None:
        beat = Heartbeat(
            node,
            region.name,
            self.set,
            "http://127.0.0.1:1",
            now_ms(),
            "0",
            "ready",
            False,
            load,
            1,
            1,
            0,
            0,
            0,
        )
        body, headers = seal_heartbeat(beat, self.keys)
        await self.bus.publish(heartbeat_subject(region.name, node), body, headers)

    async def pending(self, region: Region) -> tuple[int, int]:
        """Of the replicator's consumer: not delivered yet, delivered without an answer."""
        try:
            info = await self.js.consumer_info(stream_of(region.name), self.durable)
        except nats.js.errors.NotFoundError:
            return -1, -1  # there is no consumer yet
        return info.num_pending or 0, info.num_ack_pending or 0

    async def all_answered(self, *regions: Region) -> None:
        """Wait until NATS has an answer to every message of these regions (default: the peers')."""
        end = time.monotonic() + DEADLINE
        while any([await self.pending(r) != (0, 0) for r in regions or (self.near, self.far)]):
            assert time.monotonic() < end, [await self.pending(r) for r in self.regions]
            await asyncio.sleep(0.02)

    async def parked(self) -> list[dict[str, str]]:
        """The headers of what was parked, with the body under `body`."""
        subject = parked_subject(self.here.name, self.durable)
        found: list[dict[str, str]] = []
        info = await self.js.stream_info(stream_of(self.here.name), subjects_filter=subject)
        seq = 0
        while len(found) < sum((info.state.subjects or {}).values()):
            message = await self.js.get_msg(stream_of(self.here.name), seq + 1, subject=subject, next=True)
            seq = message.seq
            found.append({**(message.headers or {}), "body": repr(message.data)})
        return found


@asynccontextmanager
async def open_stage(nats_url: str, directory: Path) -> AsyncIterator[Stage]:
    stage = Stage(nats_url, directory)
    async with stage.bus.opened():
        try:
            await stage.open()
            yield stage
        finally:
            await stage.close()
