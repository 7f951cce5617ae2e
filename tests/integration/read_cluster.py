"""Reading halves of storage nodes in one process: real servers, real disks, no bus, a map held by hand."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry
from yarl import URL

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.http import problems, serve
from atoll.ids import new_id, now_ms
from atoll.lifecycle import Stop, Tasks
from atoll.local.ports import any_free_port
from atoll.model import AssetRecord, Blob, Extension, Node, Picture, Region, ReplicaSet
from atoll.node_client import NodeClient, open_session
from atoll.settings import Bytes
from atoll.signing import Keys
from storage_node.blob_locks import BlobLocks
from storage_node.chunks import BlobHasher
from storage_node.derivative_store import DerivativeStore
from storage_node.disk_store import DiskStore
from storage_node.ground import Ground
from storage_node.index import Index
from storage_node.index_ops import store_replica
from storage_node.origin import Origin
from storage_node.pull import address_of
from storage_node.read_side import ReadSide
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard

KEYS = Keys(b"a secret for tests, 32 bytes long at least")
PUBLIC, PRIVATE = "pictures", "secrets"
REGIONS = (Region("eu", 50, 8), Region("us", 40, -74), Region("ap", 35, 139))
DEADLINE = 20.0


@dataclass
class HeldMap:
    """The cluster map of all nodes, changed by the test."""

    current: ClusterMap = field(default_factory=ClusterMap)


@dataclass
class ToldDisk:
    """A disk that is as the test says."""

    failing: bool = False
    read_only: bool = False


@dataclass
class ReadNode:
    """One node's reading half, and what its peers asked of it."""

    name: str
    url: str
    store: DiskStore
    index: Index
    locks: BlobLocks
    origin: Origin
    space: SpaceGuard
    side: ReadSide
    client: NodeClient
    disk: ToldDisk
    asked: list[str] = field(default_factory=list)  # "GET /internal/v1/…"

    def hold(self, body: bytes, record: AssetRecord | None = None, **facts: Any) -> AssetRecord:
        """Store bytes as an upload would, around the inspection."""
        record = record or record_of(body, set_name=self.origin.set, **facts)
        hasher = BlobHasher()
        hasher.update(body)
        staged = self.store.stage()
        staged.write(body)
        staged.sync()
        self.store.publish(staged, address_of(record).key)
        assert self.index.write(store_replica(record, hasher.chunk_digests(), self.origin)).result()
        return record

    def file(self, record: AssetRecord) -> Path:
        """Where the copy lies."""
        return self.store.path(address_of(record).key)

    def holds(self, record: AssetRecord) -> bool:
        """Whether the index says so and the file is right."""
        if self.index.blob(record.bucket, record.blob.sha256) is None:
            return False
        path = self.file(record)
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == record.blob.sha256

    def events(self, kind: str) -> int:
        """How many events of a kind are in the outbox."""
        return sum(f".{kind}." in row.subject for row in self.index.outbox(10_000))

    def asked_for(self, what: str) -> int:
        """How many internal requests had `what` in them."""
        return sum(what in request for request in self.asked)


@dataclass
class ReadCluster:
    """The nodes, the map, and a client's session."""

    nodes: list[ReadNode]
    map: HeldMap
    session: aiohttp.ClientSession

    async def get(self, node: ReadNode, target: str, method: str = "GET", **headers: str) -> Answer:
        """One request as a client; `_` in header names stands for `-`. The target is sent as it is."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(node.url + target, encoded=True)
        async with self.session.request(method, url, headers=named) as response:
            return Answer(response.status, response.headers, await response.read())

    def change(self, *entries: Any) -> None:
        """New entries for the map, told to all nodes."""
        old = self.map.current
        kept = [*old.regions.values(), *old.nodes.values(), *old.sets.values(), *old.buckets.values()]
        self.map.current = ClusterMap.of([*kept, *entries])
        for node in self.nodes:
            node.side.cluster_changed(self.map.current)


@dataclass(frozen=True)
class Answer:
    """A response, read."""

    status: int
    headers: Any
    body: bytes


def record_of(
    body: bytes, *, bucket: str = PUBLIC, set_name: str = "s1", ext: Extension = "png"
) -> AssetRecord:
    """A new asset's record for these bytes."""
    asset_id = new_id()
    blob = Blob(bucket, hashlib.sha256(body).hexdigest(), ext, len(body), Picture(10, 10))
    return AssetRecord(asset_id, asset_id, new_id(), set_name, blob, now_ms())


def path_of(record: AssetRecord) -> str:
    """The URL path of a record's bytes."""
    return address_of(record).path


def flip(path: Path, offset: int) -> None:
    """Flip one bit on the disk."""
    body = bytearray(path.read_bytes())
    body[offset] ^= 0x04
    path.chmod(0o644)
    path.write_bytes(body)


async def until(condition: Any, why: str = "it did not happen") -> None:
    """Poll until `condition` is true."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def read_cluster(
    directory: Path,
    sets: tuple[str, ...] = ("s1", "s1", "s1"),
    regions: tuple[str, ...] = tuple(region.name for region in REGIONS),
    **settings: Any,
) -> AsyncIterator[ReadCluster]:
    """One node per entry of `sets`, in the region of the same place; `settings` go over the defaults."""
    held = HeldMap()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())
        nodes = [
            await stack.enter_async_context(
                _node(directory, number, set_name, regions[number], held, session, settings)
            )
            for number, set_name in enumerate(sets)
        ]
        cluster = ReadCluster(nodes, held, session)
        cluster.change(
            *REGIONS,
            *(Node(n.name, n.origin.region, n.origin.set, n.url) for n in nodes),
            *(ReplicaSet(name) for name in set(sets)),
            Bucket(PUBLIC),
            Bucket(PRIVATE, visibility="private"),
        )
        yield cluster


@asynccontextmanager
async def _node(
    directory: Path,
    number: int,
    set_name: str,
    region: str,
    held: HeldMap,
    session: aiohttp.ClientSession,
    changes: dict[str, Any],
) -> AsyncIterator[ReadNode]:
    name, port = f"node-{number}", any_free_port()
    data = directory / name
    data.mkdir()
    store, index = DiskStore(data), Index(data / "index.db", name)
    origin, locks, space = Origin(name, region, set_name), BlobLocks(), SpaceGuard(0, None)
    space.measured(store.space(), 0)
    quota = int(changes.get("derivative_bytes", 2**30))
    derivatives = DerivativeStore(data, quota, space.has_room, index.needs)
    client, disk = NodeClient(session, KEYS, name), ToldDisk()
    with ThreadPoolExecutor(4) as readers, ThreadPoolExecutor(8) as writers:
        side = ReadSide(
            Ground(
                settings=_settings(data, name, region, set_name, port, changes),
                origin=origin,
                keys=KEYS,
                store=store,
                index=index,
                locks=locks,
                cluster=held,
                client=client,
                readers=readers,
                writers=writers,
                registry=CollectorRegistry(),
                space=space,
                derivatives=derivatives,
                disk=disk,
            ),
            random.Random(number),
        )
        url = f"http://127.0.0.1:{port}"
        node = ReadNode(name, url, store, index, locks, origin, space, side, client, disk)
        app = web.Application(middlewares=[problems, _noting(node.asked)])
        side.add_routes(app)
        stop = Stop()
        async with Tasks(stop) as tasks:
            side.start(tasks)
            async with serve(app, "127.0.0.1", port, drain_seconds=1, front=side.front):
                yield node
            await side.close()
        assert not stop.failed
    derivatives.close()
    index.close()


def _noting(asked: list[str]) -> Any:
    @web.middleware
    async def note(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/internal/"):
            asked.append(f"{request.method} {request.path}")
        return await handler(request)

    return note


def _settings(
    data: Path, name: str, region: str, set_name: str, port: int, changes: dict[str, Any]
) -> NodeSettings:
    facts: dict[str, Any] = {
        "name": name,
        "region": region,
        "set": set_name,
        "listen_port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "cluster_secret_file": data / "secret",
        "state_dir": data / "state",
        "nats_url": "nats://127.0.0.1:1",
        "data_dir": data,
        "ram_cache_bytes": Bytes(64 * 2**20),
        **changes,
    }
    return NodeSettings(**facts)
