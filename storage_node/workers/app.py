"""The wiring of a worker: everything is built here, in order, and unwound in reverse. See the package."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry

from atoll.cluster import ClusterMap
from atoll.http import problems, serve
from atoll.lifecycle import Stop, Tasks
from atoll.loop_meter import LoopMeter
from atoll.metrics import RequestMeter, new_registry
from atoll.node_client import NodeClient, open_session
from atoll.settings import read_secret
from atoll.signing import Keys
from storage_node.blob_locks import BlobLocks
from storage_node.cors import Cors
from storage_node.disk_store import DiskStore
from storage_node.index_reads import IndexReads
from storage_node.membership import Membership
from storage_node.near_sockets import near_sockets
from storage_node.one_core import ANY, leave_core, stay_on
from storage_node.openings import open_inspector, open_threads
from storage_node.origin import Origin
from storage_node.request_times import timed
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.workers import passing, wire
from storage_node.workers.board import Board
from storage_node.workers.connection import PASSED_ON, connections, homewards
from storage_node.workers.employee import AWAKE, SERVES
from storage_node.workers.follow import follow_disk, tell_load
from storage_node.workers.link import Call, Link
from storage_node.workers.map_view import FollowedMap
from storage_node.workers.premises import Premises
from storage_node.workers.reads import WorkerReads
from storage_node.workers.scrape import families_of
from storage_node.workers.uploads import WorkerUploads

log = logging.getLogger(__name__)

_SPOOL_THREADS = 4


@dataclass(frozen=True)
class Post:
    """What home gave this process: its number of so many, its settings, the map, and three descriptors."""

    number: int
    processes: int
    settings: NodeSettings
    cluster: ClusterMap
    link: int
    passing: int
    board: int


async def run(post: Post, stop: Stop) -> None:
    """Serve until home says stop, or is gone."""
    settings = post.settings
    if settings.core != ANY:
        leave_core()  # home's
        stay_on(settings.core)
    async with AsyncExitStack() as stack:
        calls: dict[str, Call] = {}
        link = Link(calls, lambda: stop.request(failed=not stop.requested()))
        premises = await _lay_premises(post, link, stack)
        inspector = await open_inspector(settings, stack)
        reads = WorkerReads(premises)
        stack.push_async_callback(reads.close)
        premises.cluster.on_change(reads.cluster_changed)
        spoolers = open_threads(stack, "spool", _SPOOL_THREADS)
        uploads = WorkerUploads(premises, inspector, reads.ram, spoolers)
        calls |= _calls(premises, reads, stop)
        await link.open(socket.socket(fileno=post.link))
        stack.push_async_callback(link.close)
        await link.call(AWAKE, b"")
        await _serve(post, premises, reads, uploads, stop, stack)
        await link.call(SERVES, b"")
        log.info("worker serves", extra={"number": post.number})
        await stop.wait()
        log.info("worker stops: no new requests; those under way are finished")


async def _lay_premises(post: Post, link: Link, stack: AsyncExitStack) -> Premises:
    settings = post.settings
    origin = Origin(settings.name, settings.region, settings.set, moved_seconds=settings.moved_seconds)
    keys = Keys(read_secret(settings.cluster_secret_file))
    index = IndexReads(settings.data_dir / "index.db")
    stack.callback(index.close)
    board = Board(post.board, post.processes, post.number)
    own_locks = os.open(f"/proc/self/fd/{post.board}", os.O_RDWR)  # opened anew: locks are its own then
    return Premises(
        settings,
        origin,
        keys,
        DiskStore(settings.data_dir),
        index,
        BlobLocks(own_locks),
        board,
        SpaceGuard(settings.reserve_bytes, None, board, board),
        FollowedMap(post.cluster),
        Membership(settings.name),
        NodeClient(await stack.enter_async_context(open_session()), keys, settings.name),
        open_threads(stack, "reader", settings.reader_threads),
        open_threads(stack, "cleaner", 1),  # before the writers: it ends after them, who may wait for it
        open_threads(stack, "writer", settings.ingest_threads),
        new_registry("storage_node", settings.name, settings.region),
        link,
    )


def _calls(premises: Premises, reads: WorkerReads, stop: Stop) -> dict[str, Call]:
    """What home may ask."""

    def forget(body: bytes) -> None:
        for bucket, sha256 in wire.decode(body, wire.Blobs):
            reads.ram.drop(bucket, sha256)

    def metrics(_body: bytes) -> bytes:
        return wire.encode(families_of(premises.registry))

    return {
        wire.FORGET: _at_once(forget),
        wire.MAP: _at_once(lambda body: premises.cluster.take(wire.map_of(body))),
        wire.METRICS: _at_once(metrics),
        wire.STOP: _at_once(lambda _body: stop.request()),
    }


def _at_once(work: Callable[[bytes], bytes | None]) -> Callable[[bytes], Awaitable[bytes]]:
    async def call(body: bytes) -> bytes:
        return work(body) or b""

    return call


async def _serve(
    post: Post,
    premises: Premises,
    reads: WorkerReads,
    uploads: WorkerUploads,
    stop: Stop,
    stack: AsyncExitStack,
) -> None:
    """Background work first, so that it ends after the last request."""
    settings, registry = premises.settings, premises.registry
    tasks = await stack.enter_async_context(Tasks(stop))
    follow_disk_now = follow_disk(premises.board, premises.space)
    tasks.start("disk", follow_disk_now)
    tasks.start("load", tell_load(premises.board, settings.saturated_milliseconds / 1000))
    tasks.start("loop meter", LoopMeter(registry).run())
    tasks.start("RAM expiry", reads.expire())
    tasks.start("background derivatives", reads.derived.background.run())
    giving = passing.Giving(socket.socket(fileno=post.passing))
    stack.callback(giving.close)
    await stack.enter_async_context(
        serve(
            _application(premises, reads, uploads, registry),
            settings.listen_host,
            settings.listen_port,
            drain_seconds=settings.drain_seconds,
            reuse_port=True,
            sockets=near_sockets(settings, shared=True),
            front=reads.front,
            connection=connections(giving.give),
        )
    )


def _application(
    premises: Premises, reads: WorkerReads, uploads: WorkerUploads, registry: CollectorRegistry
) -> web.Application:
    cors = Cors(premises.cluster, uploads.door.pages, lambda _request: None)
    meter = RequestMeter("atoll_node_request_seconds")
    registry.register(meter)

    def count(method: str, route: str, status: int, seconds: float) -> None:
        if status != PASSED_ON:
            meter(method, route, status, seconds)

    app = web.Application(
        middlewares=[timed(count), problems, cors.preflights, premises.membership.gate, homewards]
    )
    cors.add_to(app)
    uploads.api.add_routes(app)
    app.router.add_route("*", "/{path:.*}", reads.handle)
    return app
