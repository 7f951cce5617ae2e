"""A stream of events ends with its reader, even if that one keeps the connection and reads nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from atoll.http import problems
from atoll.lifecycle import Stop
from query_service import event_streams
from query_service.event_streams import EventStreams, StreamRules, Word

pytestmark = pytest.mark.asyncio
FULL = 8 * 2**20  # more than a connection's buffers hold


@asynccontextmanager
async def served(size: int, at_once: int = 1, per_key: int = 1) -> AsyncIterator[TestServer]:
    """So many streams at a time, of words of so many bytes, each another one. The query is the key."""
    streams = EventStreams(
        StreamRules(at_once, per_key, heartbeat_seconds=15), Stop(), time.monotonic, lambda _: None
    )

    async def look() -> Word:
        return Word("told", b'"%d%s"' % (time.monotonic_ns(), b"x" * size))

    async def told(request: web.Request) -> web.StreamResponse:
        return await streams.answer(request, look, key=request.query_string, every=0.01, longest=60)

    async def tell(request: web.Request) -> web.StreamResponse:
        return await problems(request, told)

    app = web.Application()
    app.router.add_get("/events", tell)
    server = TestServer(app)
    await server.start_server()
    try:
        yield server
    finally:
        await server.close()


async def come(server: TestServer, key: str = "any") -> tuple[str, asyncio.StreamWriter]:
    """A new reader, who reads the status of the answer and nothing more."""
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.write(f"GET /events?{key} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return (await reader.readline()).split()[1].decode(), writer


async def test_who_takes_nothing_holds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "STUCK_SECONDS", 0.1)
    async with served(FULL) as server, asyncio.timeout(20):
        status, stuck = await come(server)
        assert status == "200"
        status = ""
        while status != "200":
            status, another = await come(server)
            another.close()
        stuck.close()


async def test_whose_connection_has_room_keeps_his(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "STUCK_SECONDS", 0.1)
    async with served(10) as server, asyncio.timeout(20):
        _, first = await come(server)
        await asyncio.sleep(0.3)
        status, second = await come(server)
        assert status == "429"
        for writer in (first, second):
            writer.close()


async def test_a_key_takes_its_own_places_and_nobody_elses() -> None:
    async with served(10, at_once=3, per_key=2) as server, asyncio.timeout(20):
        readers = [await come(server, key) for key in ("one", "one", "one", "two", "two")]
        assert [status for status, _ in readers] == ["200", "200", "429", "200", "429"]  # the last: of all
        for _, writer in readers:
            writer.close()


async def test_a_place_that_was_given_up_is_the_keys_again() -> None:
    async with served(10, at_once=9, per_key=1) as server, asyncio.timeout(20):
        _, first = await come(server)
        first.close()
        status = ""
        while status != "200":
            status, another = await come(server)
            another.close()
