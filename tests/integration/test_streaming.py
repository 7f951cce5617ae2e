"""Large blobs are streamed: memory stays where it was, however slowly the client reads."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from read_cluster import ReadCluster, ReadNode, path_of, read_cluster, until

from atoll import prepared
from storage_node import sending

pytestmark = pytest.mark.integration

LARGE = 20 * 2**20
READERS = 24
MEMORY = 48 * 2**20  # far less than READERS × LARGE = 480 MiB


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


@pytest.fixture(scope="module")
def body() -> bytes:
    return random.Random(20).randbytes(LARGE)


def memory() -> int:
    return psutil.Process().memory_info().rss


@asynccontextmanager
async def opened(node: ReadNode, path: str) -> AsyncIterator[asyncio.StreamReader]:
    """A client that has sent its request and takes 64 KiB at most ahead of what it is asked for."""
    port = int(node.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**15)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        yield reader
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)


async def digest_of(reader: asyncio.StreamReader) -> str:
    """The hash of what comes, without keeping it."""
    digest = hashlib.sha256()
    while part := await asyncio.wait_for(reader.read(65536), 20):
        digest.update(part)
    return digest.hexdigest()


async def test_slow_readers_of_a_large_blob_hold_no_memory(cluster: ReadCluster, body: bytes) -> None:
    node = cluster.nodes[0]
    record = node.hold(body)
    before = memory()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(opened(node, path_of(record))) for _ in range(READERS)]
        for reader in clients:
            assert (await head_of(reader)).startswith(b"HTTP/1.1 200")
        for _ in range(20):  # every one of them is given time to send all it would
            await cluster.get(node, path_of(record), Range="bytes=0-10")
        assert memory() - before < MEMORY
        assert await digest_of(clients[0]) == record.blob.sha256


async def test_many_readers_at_full_speed_hold_no_memory_either(cluster: ReadCluster, body: bytes) -> None:
    node = cluster.nodes[0]
    record = node.hold(body)
    before, most = memory(), 0

    async def read() -> str:
        nonlocal most
        async with opened(node, path_of(record)) as reader:
            await head_of(reader)
            digest = await digest_of(reader)
            most = max(most, memory() - before)
        return digest

    assert set(await asyncio.gather(*(read() for _ in range(8)))) == {record.blob.sha256}
    assert most < MEMORY


async def test_a_large_blob_is_pulled_through_with_constant_memory(cluster: ReadCluster, body: bytes) -> None:
    here, there = cluster.nodes
    record = there.hold(body)
    before = memory()
    async with opened(here, path_of(record)) as reader:
        await head_of(reader)
        assert await digest_of(reader) == record.blob.sha256
        assert memory() - before < MEMORY
    assert here.holds(record)


async def test_a_client_that_leaves_in_the_middle_harms_nobody(cluster: ReadCluster, body: bytes) -> None:
    node = cluster.nodes[0]
    record = node.hold(body)
    for _ in range(5):
        async with opened(node, path_of(record)) as reader:
            await reader.readexactly(1000)
    await until(lambda: node.side.counts.cut == 5, "the cuts were not noticed")
    assert node.side.counts.quarantined == 0
    part = await cluster.get(node, path_of(record), Range="bytes=7-9")
    assert part.body == body[7:10]


@pytest.mark.parametrize("size", [600_000, LARGE], ids=["from memory", "from disk"])
async def test_a_client_that_reads_nothing_is_cut_off(
    cluster: ReadCluster, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The deadline is shortened so that the test need not wait for the real one."""
    for module in (sending, prepared):
        monkeypatch.setattr(module, "SEND_SECONDS", 0.2)
    node = cluster.nodes[0]
    record = node.hold(os.urandom(size))
    await cluster.get(node, path_of(record), Range="bytes=0-10")
    port = int(node.url.rpartition(":")[2])
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        request = f"GET {path_of(record)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        client.sendall(request * 20)  # more answers than any socket's buffer takes
        mine = client.getsockname()[1]

        def is_served() -> bool:
            """Whether the node, in this same process, still has its end of the connection."""
            connections = psutil.Process().net_connections("tcp")
            return any(c.laddr.port == port and c.raddr and c.raddr.port == mine for c in connections)

        await until(is_served, "the node did not accept")
        await until(lambda: not is_served(), "the node still holds the connection")
    assert (await cluster.get(node, path_of(record), Range="bytes=0-10")).status == 206
