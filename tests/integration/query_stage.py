"""The stage for tests of the query service: real engines, the real app, and imaginary nodes.

An imaginary node is a small HTTP server that answers GET /health and the internal calls of a delete, sends
sealed heartbeats on real NATS, and "takes uploads" by publishing real events. It holds no bytes: the query
service never sees any.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import redis.asyncio
from aiohttp import BodyPartReader, web
from api_contract import broken_word

from atoll.bucket import Bucket
from atoll.bus import Bus
from atoll.cluster import Entry
from atoll.cluster_map import LiveClusterMap
from atoll.daemon_settings import DaemonSettings
from atoll.errors import AtollError, Unavailable
from atoll.events import (
    SIGNATURE_HEADER,
    AssetDeleted,
    BlobReplicated,
    BlobStored,
    Event,
    heartbeat_subject,
    seal_event,
    seal_heartbeat,
    subject_of,
)
from atoll.heartbeat import Heartbeat
from atoll.http import json_response, problem_response, read_json, serve
from atoll.ids import named_asset_id, new_id, now_ms
from atoll.internal_call import internal_caller
from atoll.lifecycle import Stop, Tasks
from atoll.local.engines import EngineUrls
from atoll.local.ports import any_free_port
from atoll.model import AssetRecord, Blob, Node, Picture, Region, ReplicaSet, Tombstone
from atoll.node_api import AssetState, DeleteOrder, DeleteResult, NodeStatus
from atoll.repair_api import NodeReceipt
from atoll.signing import Keys, hash_api_key, open_ticket, seal
from atoll.streams import ensure_stream
from query_service.app import run
from query_service.invalidation import SUBJECT, Changed
from query_service.settings import QuerySettings

DEADLINE = 20.0
SECRET = b"a secret of the query service's tests"
KEYS = Keys(SECRET)
REGIONS = (Region("eu", 50.1, 8.7), Region("us", 39.0, -77.5), Region("asia", 1.3, 103.8))
BUCKETS = (Bucket("photos"), Bucket("secret", "private"), Bucket("tiny", max_bytes=1000, allowed=("png",)))
SCOPES = {"admin": ["read", "write", "delete", "admin"], "reader": ["read"], "writer": ["write"]}
PARIS = "lat=48.85&lon=2.35"


async def until(condition: Callable[[], Awaitable[Any]], what: str, seconds: float = DEADLINE) -> Any:
    """Wait for a condition, not for a time; its first true value."""
    end = time.monotonic() + seconds
    while not (value := await condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)
    return value


class ImaginaryNode:
    """One node of the set `main`: what it says of itself, what it refuses, and what it was told."""

    def __init__(self, region: str, port: int) -> None:
        self.node = Node(f"{region}-1", region, "main", f"http://127.0.0.1:{port}")
        self.port = port
        self.records: dict[str, tuple[AssetRecord, ...]] = {}
        self.forget()

    def forget(self) -> None:
        """Be as at the start."""
        self.beating, self.down, self.hangs = True, False, False
        self.state, self.read_only = "ready", False
        self.testifies = False  # to what it holds of an asset: nothing
        self.refuses: AtollError | None = None
        self.deletes: list[DeleteOrder] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_route("*", "/v1/uploads", self._upload)
        app.router.add_post("/internal/v1/deletes", self._delete)
        app.router.add_get("/internal/v1/assets/{asset_id}", self._asset)
        app.router.add_get("/internal/v1/receipts/{asset_id}", self._receipt)
        app.router.add_post("/internal/v1/asset-edits", self._edit)
        return app

    async def _health(self, request: web.Request) -> web.Response:
        if self.hangs:
            await asyncio.sleep(DEADLINE)
        if self.down and request.transport:
            request.transport.abort()
        status = NodeStatus(self.node.name, self.node.region, "main", self.state, self.read_only, 10**9)  # type: ignore[arg-type]
        return json_response(status)

    async def _upload(self, request: web.Request) -> web.Response:
        """Take raw bytes or a form, as a node would, and say what came."""
        ticket = open_ticket(request.query["ticket"], KEYS, now_ms())
        digests = []
        if request.content_type.startswith("multipart/"):
            async for part in await request.multipart():
                assert isinstance(part, BodyPartReader)
                digests.append(await _sha256(part.read_chunk))
        else:
            digests.append(await _sha256(request.content.readany))
        secrets_seen = "Authorization" in request.headers
        told = {"method": request.method, "sha256": digests, "asset_id": ticket.asset_id, "key": secrets_seen}
        return json_response(told, 201)

    async def _delete(self, request: web.Request) -> web.Response:
        await self._check(request)
        if self.refuses:
            return problem_response(self.refuses)
        order = await read_json(request, DeleteOrder)
        self.deletes.append(order)
        tombstone = Tombstone(
            order.asset_id, order.bucket, order.public_id, order.set, new_id(), 1_700_000_000_000
        )
        return json_response(DeleteResult(tombstone, self.node.name))

    async def _edit(self, request: web.Request) -> web.Response:
        """It has no records to edit: whoever asks got as far as a node."""
        await self._check(request)
        return problem_response(Unavailable("An imaginary node edits nothing."))

    async def _asset(self, request: web.Request) -> web.Response:
        await self._check(request)
        return json_response(AssetState(self.records.get(request.match_info["asset_id"], ())))

    async def _receipt(self, request: web.Request) -> web.Response:
        await self._check(request)
        if not self.testifies:
            raise web.HTTPNotFound
        return json_response(NodeReceipt(self.node.name, self.node.region, request.match_info["asset_id"]))

    async def _check(self, request: web.Request) -> None:
        await internal_caller(request, self.node.name, KEYS, now_ms())

    def beat(self) -> Heartbeat:
        return Heartbeat(
            node=self.node.name, region=self.node.region, set="main", url=self.node.url, at=now_ms(),
            version="1.2.3", state=self.state, read_only=self.read_only, load=0.25, bytes_total=10**10,  # type: ignore[arg-type]
            bytes_free=10**9, blobs=7, outbox=0, outbox_age_ms=0,
        )  # fmt: skip


async def _sha256(read: Callable[[], Awaitable[bytes]]) -> str:
    digest = hashlib.sha256()
    while chunk := await read():
        digest.update(chunk)
    return digest.hexdigest()


@dataclass
class Answer:
    """One HTTP answer, read."""

    status: int
    headers: aiohttp.typedefs.LooseHeaders
    body: Any

    def problem(self, status: int, slug: str) -> dict[str, Any]:
        """The problem document, its shape checked."""
        assert self.status == status, self.body
        assert self.headers["Content-Type"] == "application/problem+json"  # type: ignore[index,call-overload]
        assert self.body["status"] == status
        assert self.body["type"] == f"urn:atoll:problem:{slug}"
        assert self.body["title"]
        assert self.body["detail"]
        return dict(self.body)


@dataclass
class QueryStage:
    """A running query service and its surroundings."""

    settings: QuerySettings
    bus: Bus
    cluster: LiveClusterMap
    nodes: dict[str, ImaginaryNode]
    session: aiohttp.ClientSession
    api_keys: dict[str, str]
    tasks: Tasks
    stop: Stop = field(default_factory=Stop)
    service: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.listen_port}"

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = "admin", **headers: str
    ) -> Answer:
        """Ask the service; `key` names an API key, None sends none. A `bytes` body goes as it is."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Authorization"] = f"Bearer {self.api_keys[key]}"
        data = (
            None
            if body is None
            else io.BytesIO(body if isinstance(body, bytes) else msgspec.json.encode(body))
        )
        url = aiohttp.client.URL(self.url + path, encoded=True)
        async with self.session.request(
            method, url, data=data, headers=sent, allow_redirects=False
        ) as response:
            raw = await response.read()
            kind = response.headers.get("Content-Type", "")
            read = json.loads(raw) if "json" in kind and raw else raw
            broken = broken_word(method, path, response.status, kind, read)
            assert broken is None, broken
            return Answer(response.status, response.headers, read)

    async def end(self) -> None:
        """Stop the service, in order; once is enough."""
        if self.service:
            self.stop.request()
            await asyncio.wait_for(self.service, DEADLINE)
            self.service = None
            assert not self.stop.failed

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **options)

    async def healthy(self, *names: str) -> None:
        """Wait until exactly these nodes are seen healthy."""

        async def seen() -> bool:
            nodes = (await self.get("/v1/nodes")).body["nodes"]
            return {n["name"] for n in nodes if n["health"] == "healthy"} == set(names)

        await until(seen, f"healthy are {names}")

    async def upload(
        self, public_id: str | None = None, *, bucket: str = "photos", nodes: str = "eu-1", **facts: Any
    ) -> AssetRecord:
        """What a node publishes after an upload, and its peers (`nodes`, by comma) after their pulls."""
        asset_id = named_asset_id(bucket, public_id) if public_id else new_id()
        sha256 = hashlib.sha256(secrets.token_bytes(8)).hexdigest()
        blob = Blob(bucket, sha256, "jpg", 80_000, Picture(640, 480))
        record = AssetRecord(asset_id, public_id or asset_id, new_id(), "main", blob, now_ms(), **facts)
        first, *others = (self.nodes[name].node for name in nodes.split(","))
        await self.publish(BlobStored(new_id(), now_ms(), first.name, first.region, "main", record))
        for node in others:
            await self.publish(
                BlobReplicated(
                    new_id(), now_ms(), node.name, node.region, "main", bucket, sha256, "jpg", 80_000
                )
            )
        return record

    async def indexed(self, record: AssetRecord, holders: int = 1) -> AssetRecord:
        """Wait until the service knows the record with so many locations."""

        async def known() -> bool:
            answer = await self.get(f"/v1/assets/{record.asset_id}")
            return (
                answer.status == 200
                and answer.body["version"] == record.version
                and len(answer.body["locations"]) == holders
            )

        await until(known, f"{record.public_id} is in the catalog")
        return record

    async def uncached(self, record: AssetRecord) -> None:
        """Make the caches forget it, as if nobody had asked for it yet. Only the catalog knows it then."""
        body = msgspec.json.encode(Changed((record.asset_id,), None))
        await self.bus.publish(SUBJECT, body, {SIGNATURE_HEADER: seal(KEYS.event, SUBJECT, body)})

    async def delete_event(self, record: AssetRecord, node: str = "eu-1") -> None:
        """What a node publishes after a delete."""
        it = self.nodes[node].node
        tombstone = Tombstone(
            record.asset_id, record.bucket, record.public_id, record.set, new_id(), now_ms()
        )
        await self.publish(AssetDeleted(new_id(), now_ms(), it.name, it.region, "main", tombstone))

    async def publish(self, event: Event) -> None:
        region = self.cluster.current.region(event.region)
        await ensure_stream(self.bus, region, 1, 1)
        body, headers = seal_event(event, KEYS)
        await self.bus.publish_kept(subject_of(event), body, headers)

    async def beat_forever(self) -> None:
        """Heartbeats of all nodes that beat, while NATS takes them."""
        while True:
            for node in self.nodes.values():
                if node.beating and not node.down and self.bus.connected:
                    body, headers = seal_heartbeat(node.beat(), KEYS)
                    await self.bus.publish(heartbeat_subject(node.node.region, node.node.name), body, headers)
            await asyncio.sleep(0.3)


def write_secret(path: Path, text: bytes | str) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o600)
    return path


def write_api_keys(path: Path) -> dict[str, str]:
    """The keys by name, and their file."""
    api_keys = {name: secrets.token_urlsafe(32) for name in SCOPES}
    path.write_text(
        "".join(
            f'[[key]]\nid = "{name}"\nsha256 = "{hash_api_key(key)}"\nscopes = {json.dumps(SCOPES[name])}\n'
            for name, key in api_keys.items()
        )
    )
    return api_keys


def common_settings(directory: Path, urls: EngineUrls) -> dict[str, Any]:
    return {
        "region": "eu",
        "cluster_secret_file": write_secret(directory / "secret", SECRET),
        "nats_url": urls.nats,
        "drain_seconds": 2.0,
    }


@asynccontextmanager
async def query_stage(
    directory: Path, urls: EngineUrls, database: str, **changes: Any
) -> AsyncIterator[QueryStage]:
    """The whole stage: map written, three nodes beating, service answering."""
    async with AsyncExitStack() as stack:
        common = common_settings(directory, urls)
        own = DaemonSettings(name="stage", listen_port=1, state_dir=directory / "stage", **common)
        own.state_dir.mkdir()
        bus = await stack.enter_async_context(Bus(own).opened())
        await asyncio.wait_for(bus.wait_connected(), DEADLINE)
        tasks = await stack.enter_async_context(Tasks(Stop()))
        cluster = LiveClusterMap(bus, KEYS, own.state_dir, domain=None, replicas=1)
        tasks.start("map", cluster.run())
        nodes = {n.node.name: n for n in (ImaginaryNode(r.name, any_free_port()) for r in REGIONS)}
        for entry in (*REGIONS, ReplicaSet("main"), *BUCKETS, *(n.node for n in nodes.values())):
            await cluster.put(entry)
        await cluster.wait_for(lambda m: all(m.nodes.get(n.node.name) == n.node for n in nodes.values()))
        for node in nodes.values():
            await stack.enter_async_context(serve(node.app(), "127.0.0.1", node.port, drain_seconds=0))
        await _flush_redis(urls.redis)
        settings = QuerySettings(
            **{
                **common,
                "name": "query-eu",
                "listen_port": any_free_port(),
                "state_dir": directory / "query",
                "api_keys_file": directory / "api_keys.toml",
                "mongodb_url_file": write_secret(directory / "mongodb.url", urls.mongodb),
                "mongodb_database": database,
                "redis_url_file": write_secret(directory / "redis.url", urls.redis),
                **changes,
            }
        )
        settings.state_dir.mkdir()
        api_keys = write_api_keys(settings.api_keys_file)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE))
        )
        stage = QueryStage(settings, bus, cluster, nodes, session, api_keys, tasks)
        tasks.start("heartbeats", stage.beat_forever())
        await stack.enter_async_context(running(stage))
        yield stage


@asynccontextmanager
async def running(stage: QueryStage, *, heard: bool = True) -> AsyncIterator[None]:
    """The service, from when it answers (and has `heard` its three nodes) to its orderly end."""
    stage.stop = Stop()
    service = stage.service = asyncio.create_task(run(stage.settings, stage.stop), name="query service")

    async def ready() -> bool:
        if service.done():
            await service
        try:
            nodes = (await stage.get("/v1/nodes")).body["nodes"]
        except aiohttp.ClientConnectorError:
            return False
        return not heard or sum(n["health"] == "healthy" and n["load"] is not None for n in nodes) == 3

    try:
        await until(ready, "the service answers and has heard three nodes")
        yield
    finally:
        await stage.end()


def another_instance(stage: QueryStage) -> QueryStage:
    """A second query service of the same cluster, in the same region, for `running`."""
    state_dir = stage.settings.state_dir.with_name("query-2")
    state_dir.mkdir(exist_ok=True)
    settings = replace(stage.settings, name="query-eu-2", listen_port=any_free_port(), state_dir=state_dir)
    return replace(stage, settings=settings, stop=Stop(), service=None)


async def _flush_redis(url: str) -> None:
    client = redis.asyncio.Redis.from_url(url)
    try:
        await client.flushall()
    finally:
        await client.aclose()


async def put_entry(stage: QueryStage, entry: Entry) -> None:
    """Write a map entry and wait until the stage's own map has it."""
    await stage.cluster.put(entry)
