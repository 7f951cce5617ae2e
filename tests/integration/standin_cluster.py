"""A stand-in for a whole cluster, for tests of the client: two query services and three nodes over HTTP.

It keeps the contracts (tickets are signed and single-use, blobs are named by their hash) and nothing on
disk. It runs in a thread with a loop of its own, so that synchronous code can be tried against it. Tests
break it on purpose: a server can be down, and `faults` holds what it does to its next requests.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from aiohttp import web
from standin_node_http import StandinNodeHttp
from standin_query_http import StandinQueryHttp
from standin_state import BUCKET, REGIONS, SET, NodeState, State

from atoll.http import problems, serve
from atoll.local.ports import free_ports
from atoll.model import Node

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Fault = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]

DEADLINE = 20.0
QUERIES = ("query-1", "query-2")


class StandinCluster:
    """The cluster, as a context. What it holds is in `state`; `requests` counts those of each server."""

    def __init__(self) -> None:
        self.state = State()
        self.api_key = secrets.token_urlsafe(32)
        self.bucket = BUCKET
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.requests: dict[str, list[str]] = defaultdict(list)
        servers = (*QUERIES, *(f"{r.name}-1" for r in REGIONS))
        self._ports = dict(zip(servers, free_ports(len(servers)), strict=True))
        self.nodes_http: dict[str, StandinNodeHttp] = {}
        for region in REGIONS:
            name = f"{region.name}-1"
            self.state.nodes[name] = NodeState(Node(name, region.name, SET, self.url(name)))
            self.nodes_http[name] = StandinNodeHttp(self.state, name)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stand-in cluster")
        self._up: dict[str, AsyncExitStack] = {}

    def url(self, server: str) -> str:
        """Where a server listens."""
        return f"http://127.0.0.1:{self._ports[server]}"

    @property
    def query_urls(self) -> list[str]:
        return [self.url(name) for name in QUERIES]

    def __enter__(self) -> StandinCluster:
        self._thread.start()
        for name in self._ports:
            self.up(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._up):
            self.down(name)
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE)

    def up(self, server: str) -> None:
        """Listen."""
        self._run(self._listen(server))

    def down(self, server: str) -> None:
        """Refuse connections; what it holds stays."""
        self._run(self._up.pop(server).aclose())

    async def _listen(self, server: str) -> None:
        app = web.Application(middlewares=[self._manners(server), problems], client_max_size=2**30)
        if server in QUERIES:
            StandinQueryHttp(self.state, server, self.api_key).add_routes(app)
        else:
            self.nodes_http[server].add_routes(app)
        stack = self._up[server] = AsyncExitStack()
        await stack.enter_async_context(serve(app, "127.0.0.1", self._ports[server], drain_seconds=0.1))

    def _manners(self, server: str) -> Any:
        @web.middleware
        async def manners(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.requests[server].append(f"{request.method} {request.path}")
            if self.faults[server]:
                return await self.faults[server].popleft()(request, handler)
            return await handler(request)

        return manners


def answering(status: int, body: bytes = b"{}") -> Fault:
    """Give this answer instead."""

    async def fault(request: web.Request, _: Handler) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, body=body, content_type="application/problem+json")

    return fault


async def carry_out_and_hang_up(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Do what is asked, and close the connection without a word."""
    await handler(request)
    return _hang_up(request)


async def hang_up(request: web.Request, _: Handler) -> web.StreamResponse:
    """Do nothing, and close the connection without a word."""
    return _hang_up(request)


async def behave(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No fault: to let a request pass before the next fault."""
    return await handler(request)


def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def flip_a_byte(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give wrong bytes."""
    response = await handler(request)
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    etag = {"ETag": response.headers["ETag"]} if "ETag" in response.headers else None
    return web.Response(body=bytes([response.body[0] ^ 1]) + response.body[1:], headers=etag)


async def break_off_halfway(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give half of the bytes, and close the connection."""
    response = await handler(request)
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    half = web.StreamResponse(headers={"Content-Length": str(len(response.body))})
    await half.prepare(request)
    await half.write(response.body[: len(response.body) // 2])
    return _hang_up(request)
