"""A node's life: starts without NATS, is killed, stops in order; what it acknowledged outlives it all."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys

import msgspec
import nats
import psutil
import pytest
from how_long import much
from node_fixture import (
    DEADLINE,
    SET,
    NodeProcess,
    new_region,
    picture,
    problem,
    read_answer,
    until,
    upload_path,
)
from public_bucket import open_bucket
from tus_stage import begun

from atoll.bucket import Bucket
from atoll.cluster import key_of, open_entry, seal_entry
from atoll.cluster_map import BUCKET
from atoll.events import BlobStored, Event, heartbeat_subject, open_event, open_heartbeat, stream_of
from atoll.model import Node

pytestmark = pytest.mark.integration

KILLS = much(10, 30)


@pytest.fixture
def node(engines, tmp_path):
    made = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), {})
    yield made
    made.end()


@contextlib.asynccontextmanager
async def connection_to(node: NodeProcess):
    client = await nats.connect(node.nats_url)
    try:
        yield client
    finally:
        await client.close()


async def stored_events(node: NodeProcess, count: int) -> list[Event]:
    """Everything in the region's stream, once it holds `count` messages (and then no more)."""
    async with connection_to(node) as client, asyncio.timeout(DEADLINE):
        js, last = client.jetstream(), 0
        while last < count:
            with contextlib.suppress(nats.js.errors.NotFoundError):
                last = (await js.stream_info(stream_of(node.region))).state.last_seq
            await asyncio.sleep(0.02)
        messages = [await js.get_msg(stream_of(node.region), seq) for seq in range(1, last + 1)]
        return [open_event(m.subject, m.data, m.headers, node.keys) for m in messages]


def hashes(events: list[Event]) -> list[str]:
    assert all(isinstance(event, BlobStored) for event in events)
    return [event.asset.blob.sha256 for event in events]


def outbox_is_empty(node: NodeProcess) -> bool:
    return not node.index("SELECT 1 FROM outbox")


def uploaded(node: NodeProcess, count: int) -> list[str]:
    answers = [node.put(picture()) for _ in range(count)]
    assert {answer.status for answer in answers} == {201}
    return [answer.json["sha256"] for answer in answers]


def head(token: str, length: int) -> bytes:
    return f"PUT {upload_path(token)} HTTP/1.1\r\nHost: node\r\nContent-Length: {length}\r\n\r\n".encode()


def test_a_stop_finishes_the_upload_under_way_and_takes_no_other(node):
    node.start()
    data = picture(size=(600, 600))
    with node.connected() as connection, node.connected() as idle:
        connection.sendall(head(node.ticket(), len(data)) + data[:1000])
        until(lambda: b"atoll_uploads_under_way 1.0" in node.request("GET", "/metrics").json)
        node.signal(signal.SIGTERM)
        until(lambda: _refuses(node))
        assert idle.recv(1) == b""
        connection.sendall(data[1000:])
        answer = read_answer(connection)
    assert (answer.status, answer.json["sha256"]) == (201, hashlib.sha256(data).hexdigest())
    assert node.wait() == 0
    assert list((node.data / "blobs").rglob(f"{answer.json['sha256']}.jpg"))


def _refuses(node: NodeProcess) -> bool:
    try:
        with node.connected():
            return False
    except ConnectionRefusedError:
        return True


def test_an_upload_that_outlasts_the_drain_time_does_not_hold_up_the_stop(engines, tmp_path):
    node = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), {"drain_seconds": 0.3}).start()
    with node.connected() as connection:
        connection.sendall(head(node.ticket(), 5000) + b"\xff\xd8\xff")
        until(lambda: b"atoll_uploads_under_way 1.0" in node.request("GET", "/metrics").json)
        assert node.stop() == 0
    assert not node.traces().incoming
    node.end()


async def test_a_node_says_that_it_is_ready_and_that_it_stops(node):
    states: list[str] = []
    async with connection_to(node) as client:

        async def heard(message) -> None:
            states.append(open_heartbeat(message.subject, message.data, message.headers, node.keys).state)

        await client.subscribe(heartbeat_subject(node.region, node.name), cb=heard)
        await client.flush()
        await asyncio.to_thread(node.start)
        await asyncio.to_thread(until, lambda: states)
        assert await asyncio.to_thread(node.stop) == 0
        await asyncio.to_thread(until, lambda: "stopping" in states)
    assert states[0] == "ready"


def test_a_stop_right_after_the_start_ends_it_every_time(node):
    for _ in range(much(4, 8)):
        node.start()
        assert node.stop() == 0


def test_without_nats_uploads_are_taken_and_their_events_arrive_once_it_is_there(fresh_nats, tmp_path):
    fresh_nats.stop("nats")
    node = NodeProcess(tmp_path / "node", fresh_nats.urls.nats, new_region(), {}).start()
    sent = uploaded(node, 20)
    assert len(node.index("SELECT 1 FROM outbox")) == 20
    node.kill()
    node.start()
    sent += uploaded(node, 5)
    fresh_nats.start("nats")
    sent += uploaded(node, 5)
    until(lambda: outbox_is_empty(node), lambda: node.log[-4000:])
    assert sorted(hashes(asyncio.run(stored_events(node, 30)))) == sorted(sent)
    node.end()


def test_when_nats_is_killed_and_comes_back_each_event_is_there_once(fresh_nats, tmp_path):
    node = NodeProcess(tmp_path / "node", fresh_nats.urls.nats, new_region(), {}).start()
    sent = uploaded(node, 5)
    fresh_nats.kill("nats", restart=False)
    sent += uploaded(node, 5)
    fresh_nats.start("nats")
    sent += uploaded(node, 5)
    until(lambda: outbox_is_empty(node), lambda: node.log[-4000:])
    assert sorted(hashes(asyncio.run(stored_events(node, 15)))) == sorted(sent)
    node.end()


def test_an_event_published_but_not_noted_before_a_crash_is_not_there_twice(node):
    node.start()
    sent = uploaded(node, 3)
    (first, *_) = asyncio.run(stored_events(node, 3))
    until(lambda: outbox_is_empty(node), lambda: node.log[-4000:])
    node.kill()
    with contextlib.closing(sqlite3.connect(node.data / "index.db")) as index, index:

        async def again() -> tuple[str, bytes]:
            async with connection_to(node) as client:
                message = await client.jetstream().get_msg(stream_of(node.region), 1)
                return message.subject, message.data

        subject, body = asyncio.run(again())
        index.execute(
            "INSERT INTO outbox (event_id, subject, body, at) VALUES (?, ?, ?, ?)",
            (first.id, subject, body, first.at),
        )
    node.start()
    sent += uploaded(node, 1)
    until(lambda: outbox_is_empty(node), lambda: node.log[-4000:])
    assert sorted(hashes(asyncio.run(stored_events(node, 4)))) == sorted(sent)


def test_killed_right_after_each_201_a_node_loses_nothing(node):
    sent: list[str] = []
    for _ in range(KILLS):
        node.start()
        sent += uploaded(node, 1)
        node.kill()
    node.start()
    until(lambda: outbox_is_empty(node), lambda: node.log[-4000:])
    records = node.index("SELECT hex(sha256) FROM records")
    assert sorted(name.lower() for (name,) in records) == sorted(sent)
    for sha256 in sent:
        (file,) = (node.data / "blobs").rglob(f"{sha256}.jpg")
        assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    assert sorted(hashes(asyncio.run(stored_events(node, KILLS)))) == sorted(sent)


def test_what_a_crash_left_half_written_is_removed_at_the_start(node):
    node.start()
    data = picture("PNG", (600, 600), compress_level=0)
    with node.connected() as connection:
        connection.sendall(head(node.ticket(), len(data)) + data[:700_000])
        until(lambda: node.traces().incoming)
        node.kill()
    node.start()
    assert not node.traces().incoming


def test_a_data_directory_of_another_node_is_refused(node):
    node.start()
    node.stop()
    owner, node.name = node.name, "node-2"
    with pytest.raises(AssertionError, match=f"belongs to node '{owner}'"):
        node.start()
    assert node.wait() == 2


def test_a_node_started_once_more_by_mistake_is_refused_and_the_first_one_keeps_what_is_under_way(node):
    node.start()
    sent, noise = picture("PNG", (600, 600), compress_level=0), picture("BMP", (2000, 1500))
    target, so_far = begun(node, len(noise)), 6_500_000
    with node.connected() as connection, node.connected() as resumable:
        connection.sendall(head(node.ticket(), len(sent)) + sent[:700_000])
        resumable.sendall(
            f"PATCH {target} HTTP/1.1\r\nHost: node\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(noise)}\r\n\r\n".encode()
            + noise[:so_far]
        )
        (part,) = (node.data / "tus").glob("*.part")
        until(lambda: node.traces().incoming and part.stat().st_size > so_far - 2**20)
        assert json.loads(part.with_suffix(".json").read_bytes())["offset"] < part.stat().st_size
        again = another(node)
        assert (again.returncode, again.stdout) == (2, b"")
        assert f"{node.data} is in use by process {node.process.pid}" in again.stderr.decode()
        connection.sendall(sent[700_000:])
        resumable.sendall(noise[so_far:])
        assert read_answer(connection).json["sha256"] == hashlib.sha256(sent).hexdigest()
        assert read_answer(resumable).headers["Upload-Asset-Sha256"] == hashlib.sha256(noise).hexdigest()


def another(node: NodeProcess) -> subprocess.CompletedProcess[bytes]:
    """What becomes of a second one with the same settings."""
    command = [sys.executable, "-m", "storage_node", "--settings", str(node.directory / "settings.toml")]
    return subprocess.run(command, capture_output=True, timeout=2 * DEADLINE, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stopped process does not outlive its parent")
def test_a_killed_node_starts_again_while_a_child_of_its_first_life_is_left(node):
    node.start()
    (child, *others) = psutil.Process(node.process.pid).children()
    child.suspend()  # as one in the middle of a large picture: it does not see its parent's end
    try:
        node.kill()
        node.start()
        assert child.is_running()
    finally:
        child.kill()
    psutil.wait_procs([child, *others], timeout=DEADLINE)


def test_without_its_secret_a_node_does_not_start(node):
    (node.directory / "cluster-secret").unlink()
    with pytest.raises(AssertionError, match="cluster-secret"):
        node.start()
    assert node.wait() == 2


async def test_a_removed_node_does_no_harm_says_what_to_do_and_may_be_taken_back(node):
    await asyncio.to_thread(node.start)
    await asyncio.to_thread(open_bucket, node)
    record = (await asyncio.to_thread(node.put, picture())).json
    path = record["path"]
    async with connection_to(node) as client, asyncio.timeout(2 * DEADLINE):
        await _open_bucket(client, node, path)
        await asyncio.to_thread(_hot, node, path)
        await _set_state(client, node, "removed")
        await asyncio.to_thread(_until_state, node, "removed")
        for method, target in (("GET", path), ("GET", "/internal/v1/digests"), ("PUT", upload_path("x"))):
            gone = await asyncio.to_thread(node.request, method, target)
            assert "new name and an empty data directory" in problem(gone, 410, "node-removed")["detail"]
        await asyncio.to_thread(node.stop)
        await asyncio.to_thread(node.start)  # and it knows it from its copy of the map
        assert (await asyncio.to_thread(node.request, "GET", path)).status == 410
        assert "was removed from the cluster" in node.log
        await _set_state(client, node, "active")
        await asyncio.to_thread(_until_state, node, "ready")
        assert (await asyncio.to_thread(node.request, "GET", path)).status == 200


async def test_an_upload_under_way_at_the_removal_is_not_acknowledged(node):
    """Its event would never leave, and nobody would ever look for it here."""
    await asyncio.to_thread(node.start)
    data = picture("PNG", (600, 600), compress_level=0)
    async with connection_to(node) as client, asyncio.timeout(2 * DEADLINE):
        with node.connected() as connection:
            connection.sendall(head(node.ticket(), len(data)) + data[:700_000])
            await asyncio.to_thread(until, lambda: node.traces().incoming)
            await _set_state(client, node, "removed")
            await asyncio.to_thread(_until_state, node, "removed")
            connection.sendall(data[700_000:])
            answer = await asyncio.to_thread(read_answer, connection)
    assert "Upload again" in problem(answer, 410, "node-removed")["detail"]


async def _open_bucket(client, node, path: str) -> None:
    """The bucket of a path, public in the map, and the node knows it."""
    entry = Bucket(path.split("/")[1])
    bucket = await client.jetstream().key_value(BUCKET)
    await bucket.put(key_of(entry), seal_entry(entry, node.keys))
    await asyncio.to_thread(until, lambda: node.request("GET", path).status != 404)


def _hot(node, path: str) -> None:
    for _ in range(2):
        assert node.request("GET", path).status == 200


def _until_state(node, state: str) -> None:
    until(lambda: node.request("GET", "/health").json["state"] == state)


async def _set_state(client, node, state: str) -> None:
    bucket = await client.jetstream().key_value(BUCKET)
    key = key_of(Node(node.name, node.region, SET, node.url))
    known = open_entry(key, await _entry(bucket, key), node.keys)
    await bucket.put(key, seal_entry(msgspec.structs.replace(known, state=state), node.keys))


async def _entry(bucket, key: str) -> bytes:
    """The value of a key, as soon as there is one."""
    while True:
        with contextlib.suppress(nats.js.errors.KeyNotFoundError):
            return (await bucket.get(key)).value
        await asyncio.sleep(0.02)


def test_settings_can_be_checked_without_starting(node):
    node.start()
    file = str(node.directory / "settings.toml")
    done = subprocess.run(
        [sys.executable, "-m", "storage_node", "--settings", file, "--check"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
