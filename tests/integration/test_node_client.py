"""Calls to a node over a network that loses, stalls and mangles: one request, one clear error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from atoll.errors import NotFound, Unavailable, UpstreamFailed
from atoll.model import Node
from atoll.node_client import NodeClient, open_session
from atoll.signing import Keys

pytestmark = pytest.mark.integration

KEYS = Keys(b"a secret for tests, 32 bytes long at least")
Behave = Callable[[asyncio.StreamWriter], Awaitable[None]]


class ScriptedNode:
    """Answers its first request with the first behaviour, and so on; counts them."""

    def __init__(self, *script: Behave) -> None:
        self._script = list(script)
        self.requests: list[str] = []
        self.over = asyncio.Event()  # nobody waits any more

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head.split(b" ", 1)[0].decode())
                await self._script.pop(0)(writer)
                await writer.drain()
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def talking_to(node: ScriptedNode) -> AsyncIterator[tuple[NodeClient, Node]]:
    server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_session() as session:
        yield NodeClient(session, KEYS, "tester"), Node("eu-1", "eu", "s1", f"http://127.0.0.1:{port}")
        node.over.set()
    server.close()


def answer(body: bytes, status: str = "200 OK", *, said: int | None = None) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if said is None else said}\r\n\r\n".encode() + body
    )


async def yes(writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"true"))


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_request_whose_connection_ends_is_sent_once(method: str) -> None:
    node = ScriptedNode(yes, hang_up, yes)
    async with talking_to(node) as (client, eu):
        assert await client.call(eu, method, "/a", bool)
        with pytest.raises(UpstreamFailed):
            await client.call(eu, method, "/b", bool)  # on the connection that is kept from before
        assert node.requests == [method] * 2
        assert await client.call(eu, method, "/c", bool)
    assert node.requests == [method] * 3


async def test_a_problem_that_comes_in_pieces_is_understood() -> None:
    problem = json.dumps({"type": "urn:atoll:problem:not-found", "detail": "not here"}).encode()

    async def in_pieces(writer: asyncio.StreamWriter) -> None:
        whole = answer(problem, "404 Not Found")
        for byte in range(len(whole)):
            writer.write(whole[byte : byte + 1])
            await writer.drain()
            await asyncio.sleep(0)

    async with talking_to(ScriptedNode(in_pieces)) as (client, eu):
        with pytest.raises(NotFound, match="not here"):
            await client.call(eu, "GET", "/a", bool)


async def test_an_answer_that_drips_for_ever_ends_at_the_deadline() -> None:
    node = ScriptedNode()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", said=10**6))
        while not node.over.is_set():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    node._script.append(drip)
    async with asyncio.timeout(20), talking_to(node) as (client, eu):
        with pytest.raises(UpstreamFailed, match="in time"):
            await client.call(eu, "GET", "/a", bool, seconds=0.3)


async def test_a_node_that_nobody_reaches_is_unavailable_and_named() -> None:
    async with talking_to(ScriptedNode()) as (client, eu):
        nobody = Node("eu-2", "eu", "s1", "http://127.0.0.1:1")
        with pytest.raises(Unavailable) as error:
            await client.call(nobody, "GET", "/a", bool)
        assert error.value.facts["node"] == "eu-2"
        assert eu.name == "eu-1"


@pytest.mark.parametrize("nonsense", [b"", b"<html>", b'{"applied": true', b'"true"'])
async def test_nonsense_is_an_upstream_failure(nonsense: bytes) -> None:
    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(nonsense))

    async with talking_to(ScriptedNode(speak)) as (client, eu):
        with pytest.raises(UpstreamFailed, match="nonsense"):
            await client.call(eu, "GET", "/a", bool)
