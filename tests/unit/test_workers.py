"""The parts of a node with several processes, each by itself."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
import threading

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.errors import NoSpace, NotFound, Overloaded, TicketReplayed
from atoll.model import Node, Region, ReplicaSet
from atoll.settings import Bytes, SettingsError
from atoll.signing import Keys
from storage_node.blob_locks import BlobLocks
from storage_node.node_load import NodeLoad
from storage_node.origin import Origin
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.store import Space
from storage_node.upload_door import UploadDoor
from storage_node.workers import wire
from storage_node.workers.board import Board, DiskRow, new_board
from storage_node.workers.connection import _is_read
from storage_node.workers.link import MAX_FRAME, Link, LinkLost
from storage_node.workers.map_view import FollowedMap
from storage_node.workers.scrape import families_of, merged
from storage_node.workers.shares import processes_of, share_of

SHA = "ab" * 32


@pytest.fixture
def boards():
    """A board as home and two workers see it."""
    file = new_board(3)
    yield [Board(file, 3, me) for me in range(3)]
    os.close(file)


def settings(tmp_path, **changed):
    given = {
        "name": "n-1",
        "region": "eu",
        "set": "s1",
        "public_url": "http://n-1",
        "data_dir": tmp_path,
        "state_dir": tmp_path,
        "cluster_secret_file": tmp_path,
        "nats_url": "nats://n",
        "listen_port": 1,
    }
    return NodeSettings(**{**given, **changed})


def test_each_process_sees_what_the_others_promised_and_how_busy_they_are(boards):
    home, first, second = boards
    first.tell(promised=100, under_way=2)
    second.tell(promised=20)
    second.tell_load(0.25)
    assert (home.promised_by_others, home.under_way_elsewhere) == (120, 2)
    assert (first.promised_by_others, first.under_way_elsewhere) == (20, 0)
    assert home.loads == [0.0, 0.25]


def test_what_a_dead_worker_promised_is_free_again(boards):
    home, first, _ = boards
    first.tell(promised=100, under_way=3)
    home.forget(1)
    assert (home.promised_by_others, home.under_way_elsewhere) == (0, 0)


def test_home_says_how_the_disk_does(boards):
    home, first, _ = boards
    assert first.disk == (0, 0, 0)
    home.tell_disk(DiskRow(10, 5, 3), failing=True, read_only=False)
    assert (first.disk, first.failing, first.read_only) == ((10, 5, 3), True, False)
    home.tell_disk(DiskRow(10, 5, 3), failing=False, read_only=True)
    assert (first.failing, first.read_only) == (False, True)


def test_room_that_one_process_promised_another_does_not_promise_again(boards):
    guards = [SpaceGuard(10, None, None, board) for board in boards]
    for guard in guards:
        guard.measured(Space(100, 100, 0), 0)
    with guards[1].promise(60):
        with pytest.raises(NoSpace):
            guards[2].check(40)
        guards[0].check(30)
        assert guards[0].shortfall == 0
    guards[2].check(90)


def test_places_for_uploads_are_the_whole_nodes(boards):
    doors = [
        UploadDoor(
            Keys(b"k" * 32), Origin("n", "r", "s"), FollowedMap(ClusterMap()), 2, CollectorRegistry(), b
        )
        for b in boards
    ]
    with doors[0].place(), doors[1].place():
        assert doors[2].under_way == 2
        with pytest.raises(Overloaded), doors[2].place():
            pass
    with doors[2].place():
        pass


def test_the_load_of_a_node_is_the_mean_of_its_processes():
    used = iter((0.0, 1.0, 2.0))
    load = NodeLoad(lambda: 0.0, lambda: next(used), others=lambda: [0.5, 0.0])
    assert load.measure(1.0) == pytest.approx(0.5)
    full = NodeLoad(lambda: 0.9, lambda: 0.0, others=lambda: [0.0])
    assert full.measure(1.0) == 0.9


def test_memory_and_threads_are_divided_and_limits_of_single_requests_are_not(tmp_path):
    whole = settings(tmp_path, inspectors=3, ingest_threads=32, ram_cache_bytes=Bytes(300))
    shares = [share_of(whole, number, 2) for number in range(2)]
    assert [share.inspectors for share in shares] == [2, 1]
    assert [share.ingest_threads for share in shares] == [16, 16]
    assert [share.ram_cache_bytes for share in shares] == [150, 150]
    assert {share.max_upload_bytes for share in shares} == {whole.max_upload_bytes}
    assert share_of(whole, 0, 1) is whole
    assert share_of(settings(tmp_path, inspectors=1), 1, 2).inspectors == 1


def test_each_process_has_a_core_of_its_own_when_one_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {1, 3, 5})
    whole = settings(tmp_path, core=1, workers=2)
    assert [share_of(whole, number, 2).core for number in range(2)] == [1, 3]
    with pytest.raises(SettingsError):
        share_of(settings(tmp_path, core=5), 1, 2)
    assert processes_of(settings(tmp_path, workers=0)) == 3
    assert processes_of(whole) == 2


def test_a_blobs_lock_excludes_other_processes_and_other_threads():
    file = new_board(1)
    ours, theirs = (os.open(f"/proc/self/fd/{file}", os.O_RDWR) for _ in range(2))
    mine, other = BlobLocks(ours).of(SHA), BlobLocks(theirs).of(SHA)
    taken = threading.Event()

    def take() -> None:
        with other:
            taken.set()

    with mine:
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, int(SHA[:8], 16) % 1024, 1, 0)
        found = fcntl.fcntl(theirs, fcntl.F_OFD_GETLK, asked)
        assert struct.unpack("hhqqi4x", found)[0] == fcntl.F_WRLCK
        waiting = threading.Thread(target=take)
        waiting.start()
        assert not taken.is_set()
    waiting.join(20)
    assert taken.is_set()
    for descriptor in (ours, theirs, file):
        os.close(descriptor)


async def linked(home_calls, worker_calls):
    ends = socket.socketpair()
    lost = asyncio.Event()
    links = [Link(calls, lost.set) for calls in (home_calls, worker_calls)]
    for link, end in zip(links, ends, strict=True):
        end.setblocking(False)
        await link.open(end)
    return *links, lost


async def test_calls_go_both_ways_and_each_has_its_own_answer():
    async def doubled(body: bytes) -> bytes:
        await asyncio.sleep(0)
        return body * 2

    home, worker, _ = await linked({"double": doubled}, {"double": doubled})
    answers = await asyncio.gather(
        *(link.call("double", bytes([n])) for n in range(50) for link in (home, worker))
    )
    assert answers == [bytes([n, n]) for n in range(50) for _ in range(2)]
    await home.close()
    await worker.close()


async def test_an_error_arrives_as_what_it_was():
    async def refuse(_body: bytes) -> bytes:
        raise TicketReplayed("Used.", stored="a", got="b")

    async def broken(_body: bytes) -> bytes:
        raise KeyError("x")

    async def much(_body: bytes) -> bytes:
        return bytes(MAX_FRAME + 1)

    home, worker, _ = await linked({"refuse": refuse, "broken": broken, "much": much}, {})
    with pytest.raises(TicketReplayed) as caught:
        await worker.call("refuse", b"")
    assert caught.value.facts["stored"] == "a"
    for name in ("broken", "much"):
        with pytest.raises(Exception, match="bug on our side"):
            await worker.call(name, b"")
    await home.close()
    await worker.close()


async def test_who_waits_for_an_end_that_is_gone_is_told():
    never = asyncio.Event()

    async def wait(_body: bytes) -> bytes:
        await never.wait()
        return b""

    home, worker, lost = await linked({"wait": wait}, {})
    waiting = worker.call("wait", b"")
    await home.close()
    with pytest.raises(LinkLost):
        await waiting
    await asyncio.wait_for(lost.wait(), 20)
    with pytest.raises(LinkLost):
        await worker.call("wait", b"")
    await worker.close()


def test_a_map_is_the_same_at_the_other_end():
    entries = (
        Region("eu", 50.0, 8.0),
        ReplicaSet("s1"),
        Node("n-1", "eu", "s1", "http://n-1"),
        Bucket("pictures", visibility="private", transformations={"t": "w_20"}),
    )
    cluster = ClusterMap.of(entries)
    assert wire.map_of(wire.map_news(cluster)) == cluster


async def test_a_map_of_many_buckets_reaches_a_worker():
    view = FollowedMap(ClusterMap())

    async def take(body: bytes) -> bytes:
        view.take(wire.map_of(body))
        return b""

    home, worker, _ = await linked({}, {wire.MAP: take})
    many = ClusterMap.of([Bucket(f"bucket-{number:05}") for number in range(15_000)])
    await home.call(wire.MAP, wire.map_news(many))
    assert view.current == many
    await home.close()
    await worker.close()


async def test_a_followed_map_tells_its_listeners_and_whoever_waits():
    view, heard = FollowedMap(ClusterMap()), []
    view.on_change(heard.append)
    waiting = asyncio.ensure_future(view.wait_for(lambda cluster: "pictures" in cluster.buckets))
    await asyncio.sleep(0)
    news = ClusterMap.of([Bucket("pictures")])
    view.take(news)
    assert await asyncio.wait_for(waiting, 20) is news
    assert heard == [news]
    with pytest.raises(NotFound):
        view.current.bucket("other")


def test_one_scrape_has_each_family_once_and_each_worker_by_its_label():
    registries = [CollectorRegistry() for _ in range(2)]
    for amount, registry in enumerate(registries, 1):
        Counter("things", "Things.", ["kind"], registry=registry).labels("a").inc(amount)
    text = generate_latest(merged(registries[0].collect(), {1: families_of(registries[1])}, 4)).decode()
    assert text.count("# TYPE things_total counter") == 1
    assert 'things_total{kind="a"} 1.0' in text
    assert 'things_total{kind="a",worker="1"} 2.0' in text
    assert "atoll_workers 1.0" in text
    assert "atoll_worker_restarts_total 4.0" in text


@pytest.mark.parametrize(
    "data",
    [
        b"GET /a/s1/b.jpg HTTP/1.1\r\nHost: n\r\n\r\n",
        b"HEAD /a HTTP/1.1\r\nHost: n\r\nRange: bytes=0-1\r\n\r\n",
    ],
)
def test_a_whole_read_is_a_workers(data):
    assert _is_read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /a HTTP/1.1\r\nHost: n\r\n",
        b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /internal/v1/blobs/a/b HTTP/1.1\r\n\r\n",
        b"GET /v1/uploads HTTP/1.1\r\n\r\n",
        b"GET http://n/a HTTP/1.1\r\n\r\n",
        b"OPTIONS /a HTTP/1.1\r\n\r\n",
        b"PUT /v1/uploads?ticket=a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nContent-length: 3\r\n\r\n",
        b"GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /a HTTP/1.1\r\nupgrade: h2c\r\n\r\n",
        b"GET /a HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
        b"\x16\x03\x01",
        b"",
    ],
)
def test_everything_else_is_looked_at_by_home(data):
    assert not _is_read(data)
