"""The query service's probes: a node that breaks off says nothing, and ends nothing."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest

from atoll.cancelling import cancel_and_wait
from atoll.cluster import ClusterMap
from atoll.health import HealthTable
from atoll.model import Node, Region
from atoll.node_api import NodeStatus
from atoll.node_client import open_session
from atoll.signing import Keys
from query_service.health_watch import HealthWatch

pytestmark = pytest.mark.integration


async def test_an_answer_that_comes_in_pieces_is_an_answer() -> None:
    body = msgspec.json.encode(NodeStatus("n1", "eu", "s1", "ready", False, 42))
    answered = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:9])
        await writer.drain()
        await asyncio.sleep(0.05)  # so that the pieces arrive apart
        writer.write(body[9:])
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cluster = ClusterMap.of([Region("eu", 50, 8), Node("n1", "eu", "s1", f"http://127.0.0.1:{port}")])
    table = HealthTable()
    async with server, open_session() as session:
        watch = HealthWatch(table, lambda: cluster, Keys(b"k" * 32), session, answered.set)
        probing = asyncio.create_task(watch.probe_forever())
        await asyncio.wait_for(answered.wait(), 20)
        assert table.state("n1", time.monotonic()) == "healthy"
        await cancel_and_wait([probing])


async def test_a_node_that_breaks_off_every_connection_does_not_end_the_probes() -> None:
    asked = asyncio.Event()
    times = 0

    async def break_off(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal times
        times += 1
        writer.close()
        if times == 2:
            asked.set()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cluster = ClusterMap.of([Region("eu", 50, 8), Node("n1", "eu", "s1", f"http://127.0.0.1:{port}")])
    table = HealthTable()
    async with server, open_session() as session:
        watch = HealthWatch(table, lambda: cluster, Keys(b"k" * 32), session, lambda: None)
        probing = asyncio.create_task(watch.probe_forever())
        waiting = asyncio.create_task(asked.wait())
        await asyncio.wait([probing, waiting], timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert asked.is_set()
        assert not probing.done()
        assert table.state("n1", time.monotonic()) != "healthy"
        await cancel_and_wait([probing])
