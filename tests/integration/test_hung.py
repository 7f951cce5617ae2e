"""Hung, not dead: peers and disks that accept and then say nothing hold nobody up for long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from cut_proxy import CutProxy
from node_fixture import NodeProcess, new_region, picture, problem
from node_fixture import until as until_now
from public_bucket import put_entry
from read_cluster import ReadCluster, path_of, read_cluster
from yarl import URL

from atoll.bucket import Bucket
from atoll.errors import UpstreamFailed
from atoll.events import ALL_HEARTBEATS, open_heartbeat
from atoll.heartbeat import Heartbeat
from atoll.model import Node
from atoll.node_api import PullOrder, PullResult

pytestmark = pytest.mark.integration

FOR_EVER = 600.0  # a silence that no test would sit through
SIZES = {"one chunk": 8_000, "many chunks": 3_000_000}


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1", "s1"), peer_read_seconds=FOR_EVER) as running:
        yield running


@asynccontextmanager
async def through_proxies(
    cluster: ReadCluster, kind: type[CutProxy] = CutProxy
) -> AsyncIterator[list[CutProxy]]:
    """All nodes but the first are reached through a proxy each."""
    async with AsyncExitStack() as stack:
        proxies = []
        for node in cluster.nodes[1:]:
            proxy = await stack.enter_async_context(kind(URL(node.url).port or 0))
            place = Node(node.name, node.origin.region, node.origin.set, f"http://127.0.0.1:{proxy.port}")
            cluster.change(place)
            proxies.append(proxy)
        yield proxies


class Faltering(CutProxy):
    """Says nothing more after 100,000 bytes."""

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        while data := await reader.read(65536):
            passed += len(data)
            if passed > 100_000:
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()


def nearest_first(cluster: ReadCluster) -> list[int]:
    """The places of the other nodes in `through_proxies`, in the order in which the first one asks them."""
    names = [node.name for node in cluster.nodes[0].side.peers.of_set("s1")]
    return [int(name.removeprefix("node-")) - 1 for name in names]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_reader_gets_the_bytes_though_the_nearest_peer_accepts_and_says_nothing(
    cluster: ReadCluster, size: int
) -> None:
    here, *others = cluster.nodes
    body = os.urandom(size)
    record = others[0].hold(body)
    others[1].hold(body, record)
    async with through_proxies(cluster) as proxies:
        proxies[nearest_first(cluster)[0]].stall()
        answer = await cluster.get(here, path_of(record))
    assert (answer.status, answer.body) == (200, body)
    assert here.side.hedger.wins >= 1


async def test_a_pull_order_is_done_though_its_first_source_says_nothing(cluster: ReadCluster) -> None:
    here, *others = cluster.nodes
    body = os.urandom(5000)
    record = others[0].hold(body)
    others[1].hold(body, record)
    async with through_proxies(cluster) as proxies:
        proxies[0].stall()
        order = PullOrder(record, (others[0].name, others[1].name))
        result = await here.side.orders.execute(order)
    assert result == PullResult("stored", others[1].name)
    assert here.holds(record)


async def test_a_peer_that_falters_in_the_middle_is_given_up_and_the_next_gives_all(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1", "s1", "s1"), peer_read_seconds=0.5) as cluster:
        here, *others = cluster.nodes
        body = os.urandom(3_000_000)
        record = others[0].hold(body)
        others[1].hold(body, record)
        async with through_proxies(cluster, Faltering):
            sound = nearest_first(cluster)[1]
            node = others[sound]
            cluster.change(Node(node.name, node.origin.region, node.origin.set, node.url))
            answer = await cluster.get(here, path_of(record))
        assert (answer.status, answer.body) == (200, body)


async def test_when_every_peer_is_silent_the_reader_is_told_in_time(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1", "s1", "s1"), peer_read_seconds=0.3) as cluster:
        here, *others = cluster.nodes
        record = others[0].hold(os.urandom(100))
        async with through_proxies(cluster) as proxies:
            for proxy in proxies:
                proxy.stall()
            answer = await cluster.get(here, path_of(record))
        assert answer.status == 502


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_node_whose_disk_hangs_answers_from_a_peer_what_fits_into_memory(
    cluster: ReadCluster, size: int
) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(size)
    record = here.hold(body)
    there.hold(body, record)
    here.disk.failing = True
    answer = await cluster.get(here, path_of(record))
    if size == SIZES["one chunk"]:
        assert (answer.status, answer.body) == (200, body)
    else:
        assert answer.status == 503
    here.disk.failing = False
    assert (await cluster.get(here, path_of(record))).body == body


async def test_a_blob_that_only_a_hanging_disk_has_is_not_said_to_be_gone(cluster: ReadCluster) -> None:
    here, there, _ = cluster.nodes
    record = here.hold(os.urandom(5000))
    here.disk.failing = True
    assert (await cluster.get(here, path_of(record))).status == 503
    assert (await cluster.get(there, path_of(record))).status == 502
    with pytest.raises(UpstreamFailed):
        await there.side.orders.execute(PullOrder(record, (here.name,)))


@pytest.fixture
def node(engines: Any, tmp_path: Path) -> Iterator[NodeProcess]:
    """A node whose disk hangs while `stalled` is there."""
    program = (str(Path(__file__).with_name("stalling_node.py")),)
    settings = {"ram_cache_bytes": 0}
    made = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), settings, program=program)
    yield made
    (made.directory / "stalled").unlink(missing_ok=True)
    made.end()


def says(node: NodeProcess) -> str:
    return str(node.request("GET", "/health").json["state"])


def test_a_node_whose_disk_hangs_says_so_refuses_at_once_and_recovers(node: NodeProcess) -> None:
    node.start()
    bucket = Bucket(f"b-{os.urandom(5).hex()}")
    asyncio.run(put_entry(node, bucket))
    body = picture()
    kept = node.put(body, node.ticket(bucket=bucket.name)).json
    until_now(lambda: node.request("GET", kept["path"]).json == body)  # once the map has come
    stalled = node.directory / "stalled"
    stalled.touch()
    until_now(lambda: says(node) == "failing")
    problem(node.put(picture(), node.ticket(bucket=bucket.name)), 503, "store-failed")
    problem(node.request("GET", kept["path"]), 503, "store-failed")
    stalled.unlink()
    until_now(lambda: says(node) == "ready")
    assert node.request("GET", kept["path"]).json == body
    assert node.put(picture(), node.ticket(bucket=bucket.name)).status == 201


async def test_heartbeats_go_on_and_tell_of_the_disk_that_hangs(node: NodeProcess) -> None:
    await asyncio.to_thread(node.start)
    beats: list[Heartbeat] = []

    async def hear(message: Any) -> None:
        if message.subject.endswith(node.name):
            beats.append(open_heartbeat(message.subject, message.data, message.headers, node.keys))

    client = await nats.connect(node.nats_url)
    try:
        await client.subscribe(ALL_HEARTBEATS, cb=hear)
        await asyncio.to_thread(until_now, lambda: beats)
        stalled = node.directory / "stalled"
        stalled.touch()
        await asyncio.to_thread(until_now, lambda: beats[-1].state == "failing")
        count = len(beats)
        await asyncio.to_thread(until_now, lambda: len(beats) > count + 2)
        stalled.unlink()
        await asyncio.to_thread(until_now, lambda: beats[-1].state == "ready")
        assert beats[-1].scrub is not None
    finally:
        await client.close()
