"""Small blobs that are ordered together come from their peer in one answer, and each is its own affair."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from read_cluster import ReadCluster, ReadNode, flip, read_cluster, record_of

from atoll.http import problems, serve
from atoll.local.ports import any_free_port
from atoll.model import AssetRecord, Node
from atoll.node_api import TOGETHER_BYTES, PullOrder
from storage_node.blobs_together import pack
from storage_node.chunks import CHUNK_BYTES
from storage_node.store import Space

pytestmark = pytest.mark.integration

ALONE, TOGETHER = f"GET /internal/v1/blobs/{'pictures'}/", "POST /internal/v1/blobs/together"


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


async def ordered(node: ReadNode, records: list[AssetRecord], *sources: str) -> list[str | None]:
    """Order them at once; who gave each."""
    answers = await node.side.orders.execute_all([PullOrder(each, sources) for each in records])
    return [answer.result.source if answer.result else None for answer in answers]


@asynccontextmanager
async def odd_peer(cluster: ReadCluster, answer: bytes | None) -> AsyncIterator[list[str]]:
    """A peer called `odd` with nothing alone, and `answer` for who asks for several; None: it knows no such
    question. What it was asked."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        if answer is None or request.method == "GET":
            raise web.HTTPNotFound
        return web.Response(body=answer)

    app, port = web.Application(middlewares=[problems]), any_free_port()
    app.router.add_route("*", "/{path:.*}", handle)
    async with serve(app, "127.0.0.1", port, drain_seconds=1):
        cluster.change(Node("odd", "us", "s1", f"http://127.0.0.1:{port}"))
        yield asked


async def test_one_request_brings_them_all(cluster):
    here, there = cluster.nodes
    records = [there.hold(os.urandom(400 + n)) for n in range(8)]
    assert await ordered(here, records, there.name) == [there.name] * 8
    assert all(map(here.holds, records))
    assert there.asked == [TOGETHER]
    assert there.side.counts.to_peers.requests == 8
    assert there.side.counts.to_peers.bytes == sum(record.blob.size for record in records)


async def test_what_comes_alone_is_asked_for_alone_and_so_is_what_is_large(cluster):
    here, there = cluster.nodes
    small, large = there.hold(os.urandom(400)), there.hold(os.urandom(CHUNK_BYTES + 1))
    assert await ordered(here, [small, large], there.name) == [there.name] * 2
    assert there.asked_for(TOGETHER) == 0
    assert there.asked_for(ALONE) == 2


async def test_what_a_full_disk_refuses_does_not_travel_first(cluster):
    here, there = cluster.nodes
    records = [there.hold(os.urandom(400)) for _ in range(3)]
    here.space.measured(Space(10_000, 399, 0), 0)
    assert await ordered(here, records, there.name) == [None] * 3
    assert there.asked == []


async def test_one_that_is_not_there_costs_only_itself(cluster):
    here, there = cluster.nodes
    records = [*(there.hold(os.urandom(400)) for _ in range(3)), record_of(b"nowhere")]
    assert await ordered(here, records, there.name) == [there.name] * 3 + [None]
    assert there.asked_for(ALONE) == 1


async def test_one_whose_copy_is_bad_costs_only_itself_and_is_never_kept(cluster):
    here, there = cluster.nodes
    records = [there.hold(os.urandom(400)) for _ in range(3)]
    flip(there.file(records[1]), 100)
    assert await ordered(here, records, there.name) == [there.name, None, there.name]
    assert not here.file(records[1]).exists()
    assert there.side.counts.bad_copies == 1


async def test_wrong_bytes_from_a_peer_are_found_out_and_fetched_elsewhere(cluster):
    here, there = cluster.nodes
    bodies = [os.urandom(400) for _ in range(3)]
    records = [there.hold(body) for body in bodies]
    wrong = bytes([bodies[1][0] ^ 1]) + bodies[1][1:]
    _, answer = pack([bodies[0], wrong, bodies[2]])
    async with odd_peer(cluster, answer):
        assert await ordered(here, records, "odd", there.name) == ["odd", there.name, "odd"]
    assert all(map(here.holds, records))
    assert here.side.counts.bad_peer_bytes == 1


@pytest.mark.parametrize("answer", [b"", b"[400,400]\n", b"[null,null]\n", b"[9]\n" + bytes(9)])
async def test_an_answer_that_helps_nobody_sends_on_to_the_next_peer(cluster, answer):
    here, there = cluster.nodes
    records = [there.hold(os.urandom(400)) for _ in range(2)]
    async with odd_peer(cluster, answer):
        assert await ordered(here, records, "odd", there.name) == [there.name] * 2
    assert there.asked == [TOGETHER]


async def test_a_peer_of_an_older_release_is_asked_one_by_one_and_not_each_time_anew(cluster):
    here, there = cluster.nodes
    together = here.side.puller._together
    async with odd_peer(cluster, None) as asked:
        for again in range(3):
            records = [there.hold(os.urandom(400)) for _ in range(2)]
            assert await ordered(here, records, "odd", there.name) == [there.name] * 2
            assert asked.count(TOGETHER) == 1, again
        together._singly["odd"] = 0.0  # its minute is over
        await ordered(here, [there.hold(os.urandom(400)) for _ in range(2)], "odd", there.name)
        assert asked.count(TOGETHER) == 2


async def test_more_than_one_answer_holds_comes_in_several(cluster):
    here, there = cluster.nodes
    records = [there.hold(os.urandom(CHUNK_BYTES)) for _ in range(6)]
    assert await ordered(here, records, there.name) == [there.name] * 6
    assert TOGETHER_BYTES == 4 * CHUNK_BYTES
    assert there.asked == [TOGETHER] * 2


async def test_who_wants_one_of_them_meanwhile_waits_for_the_same_answer(cluster):
    here, there = cluster.nodes
    records = [there.hold(os.urandom(400)) for _ in range(3)]
    first, second = await asyncio.gather(*(ordered(here, records, there.name) for _ in range(2)))
    assert first == [there.name] * 3
    assert None not in second or all(map(here.holds, records))
    assert there.asked_for(ALONE) == 0
