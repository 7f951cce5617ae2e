"""Resumable uploads that are interrupted: by senders, restarts, other requests, a lack of room, time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from urllib.parse import quote

import msgspec
import pytest
from node_fixture import DEADLINE, SET, NodeProcess, new_region, picture, problem, read_answer, until
from public_bucket import put_entry
from tus_stage import VERSION, begun, create, create_with, files, head, offset, part_of, patch

from atoll.model import Node

pytestmark = pytest.mark.integration

MIB = 2**20


@pytest.fixture
def start(engines, tmp_path):
    nodes = []

    def started(**settings):
        nodes.append(NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), settings).start())
        return nodes[-1]

    yield started
    for node in nodes:
        node.end()


def open_patch(node: NodeProcess, target: str, at: int, length: int) -> socket.socket:
    """A PATCH whose body is still to come."""
    connection = socket.create_connection(("127.0.0.1", node.port), timeout=DEADLINE)
    connection.sendall(
        f"PATCH {target} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n".encode()
    )
    return connection


def size_of(node: NodeProcess, target: str) -> int:
    return (node.data / "tus" / f"{target[8:40]}.part").stat().st_size


def noise(size: int) -> bytes:
    """A picture of about `size` bytes."""
    side = int((size / 3) ** 0.5)
    return picture("BMP", (side, side))


def test_what_came_of_a_body_that_breaks_off_is_kept(start):
    node, data = start(), noise(6 * MIB)
    target = begun(node, len(data))
    with open_patch(node, target, 0, len(data)) as connection:
        connection.sendall(data[: 5 * MIB])
        until(lambda: size_of(node, target) >= 5 * MIB - 300_000)  # read, and not only received
    until(lambda: patch(node, target, offset(node, target), b"").status == 204)  # not locked any more
    at = offset(node, target)
    assert 5 * MIB - 300_000 <= at <= 5 * MIB  # but for what had not been read when the end was noticed
    assert patch(node, target, at, data[at:]).status == 204
    assert head(node, target).headers["Upload-Asset-Sha256"] == hashlib.sha256(data).hexdigest()


def test_what_came_of_a_body_that_breaks_off_is_not_kept_if_it_had_a_checksum(start):
    node = start()
    target = begun(node, 10 * MIB)
    headers = (
        f"PATCH {target} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        "Upload-Checksum: sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {9 * MIB}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", node.port), timeout=DEADLINE) as connection:
        connection.sendall(headers.encode() + b"x" * (6 * MIB))
        until(lambda: size_of(node, target) >= 5 * MIB)
    until(lambda: patch(node, target, 0, b"").status == 204)  # not locked any more
    assert offset(node, target) == 0


def test_two_requests_never_write_to_one_upload_at_once(start):
    node, data = start(), noise(MIB)
    target, half = begun(node, len(data)), len(data) // 2
    with open_patch(node, target, 0, half) as connection:
        connection.sendall(data[:1000])
        until(lambda: patch(node, target, 0, b"z").status == 423)
        facts = problem(patch(node, target, 0, b"z" * 2000), 423, "upload-locked")
        assert facts["retry_after"]
        problem(node.request("DELETE", target, None, VERSION), 423, "upload-locked")
        assert offset(node, target) == 0
        connection.sendall(data[1000:half])
        assert read_answer(connection).headers["Upload-Offset"] == str(half)
    assert patch(node, target, half, data[half:]).status == 204
    assert head(node, target).headers["Upload-Asset-Sha256"] == hashlib.sha256(data).hexdigest()


def test_after_a_kill_no_byte_counts_that_was_not_durable_and_the_upload_goes_on(start):
    node, data = start(), noise(20 * MIB)
    target = begun(node, len(data))
    assert patch(node, target, 0, data[:MIB]).status == 204
    with open_patch(node, target, MIB, len(data) - MIB) as connection:
        connection.sendall(data[MIB : 12 * MIB + 77])
        until(lambda: size_of(node, target) > 11 * MIB)
        node.kill()
    recorded = json.loads((node.data / "tus" / f"{target[8:40]}.json").read_text())["offset"]
    node.start()
    at = offset(node, target)
    assert at == recorded == size_of(node, target)  # the torn tail is gone
    assert at >= 8 * MIB  # and what checkpoints made durable is not
    assert patch(node, target, at, data[at:]).status == 204
    asset = node.request("GET", target).json["asset"]
    assert asset["sha256"] == hashlib.sha256(data).hexdigest()
    assert node.request("GET", asset["path"]).status in {
        200,
        404,
        503,
    }  # the bucket may be unknown to the map
    (row,) = node.index("SELECT size FROM blobs")
    assert row == (len(data),)


def test_parts_and_what_became_of_uploads_outlive_a_restart(start):
    node, data = start(), noise(MIB)
    token = node.ticket()
    done = begun(node, len(data))
    assert patch(node, done, 0, data).status == 204
    parts = [part_of(node, token, piece) for piece in (data[:1000], data[1000:])]
    node.kill()
    (node.data / "tus" / "stray.part").write_bytes(b"x")
    (node.data / "tus" / f"{'0' * 32}.json").write_bytes(b"{torn")
    node.start()
    assert head(node, done).headers["Upload-Asset-Sha256"] == hashlib.sha256(data).hexdigest()
    answer = create(node, None, token, Upload_Concat="final;" + " ".join(parts))
    assert answer.json["sha256"] == hashlib.sha256(data).hexdigest()
    assert {name.partition(".")[2] for name in files(node)} == {"json"}
    assert len(files(node)) == 2


def test_an_upload_whose_bytes_were_lost_is_gone_after_the_restart(start):
    node = start()
    target = begun(node, 1000)
    patch(node, target, 0, b"x" * 500)
    node.kill()
    path = node.data / "tus" / f"{target[8:40]}.part"
    path.write_bytes(b"x" * 499)
    node.start()
    assert head(node, target).status == 404
    assert files(node) == []


def test_an_expired_upload_is_removed(start):
    node = start(tus_expiry_seconds=1)
    target = begun(node, 1000)
    until(lambda: head(node, target).status in {404, 410})
    assert patch(node, target, 0, b"x").status in {404, 410}
    until(lambda: files(node) == [])


def test_an_upload_that_ends_after_its_time_is_refused(start):
    node, data = start(tus_expiry_seconds=1), picture()
    target = begun(node, len(data))
    with open_patch(node, target, 0, len(data)) as connection:
        connection.sendall(data[:-1])
        until(lambda: head(node, target).status == 410)
        connection.sendall(data[-1:])
        problem(read_answer(connection), 410, "gone")
    until(lambda: files(node) == [])


def test_only_so_many_uploads_are_unfinished_at_once(start):
    node, data = start(tus_max_uploads=2), picture()
    targets = [begun(node, len(data)) for _ in range(2)]
    assert problem(create(node, 10), 503, "overloaded")["limit"] == 2
    assert patch(node, targets[0], 0, data).status == 204
    begun(node, 10)


def test_unfinished_uploads_hold_only_so_many_bytes(start):
    node = start(tus_max_bytes=1000)
    target = begun(node, 600)
    assert problem(create(node, 600), 503, "overloaded")["limit"] == 1000
    node.request("DELETE", target, None, VERSION)
    begun(node, 600)


def test_room_is_held_for_what_is_still_to_come(start):
    node = start(capacity_bytes=10 * MIB, max_upload_bytes=20 * MIB)
    token = node.ticket(max_files=9)
    begun(node, 6 * MIB, token)
    problem(create(node, 6 * MIB, token), 507, "no-space")
    assert problem(node.put(b"x" * (6 * MIB)), 507, "no-space")["needed"] == 6 * MIB
    begun(node, 3 * MIB, token)


def test_a_read_only_node_takes_neither_uploads_nor_bytes(start):
    node = start()
    target = begun(node, 1000)
    node.stop()
    node.settings["reserve_bytes"] = 2**60
    node.start()
    problem(create(node, 10), 507, "no-space")
    problem(patch(node, target, 0, b"x"), 507, "no-space")
    assert offset(node, target) == 0


def test_a_draining_node_begins_nothing_and_ends_nothing_and_a_removed_one_knows_nothing(start):
    node, data = start(), picture()
    target = begun(node, len(data))
    until(lambda: "joined the cluster" in node.log)  # or it would announce itself over what is put now
    me = Node(node.name, node.region, SET, node.url, state="draining")
    asyncio.run(put_entry(node, me))
    until(lambda: create(node, 10).status == 503)
    problem(patch(node, target, 0, data), 503, "unavailable")  # who drains it may have counted already
    assert offset(node, target) == 0
    asyncio.run(put_entry(node, msgspec.structs.replace(me, state="removed")))
    until(lambda: head(node, target).status == 410)
    problem(create(node, 10), 410, "node-removed")
    asyncio.run(put_entry(node, msgspec.structs.replace(me, state="active")))
    until(lambda: head(node, target).status == 200)
    assert patch(node, target, 0, data).status == 204


def test_an_end_that_fails_for_our_own_reasons_can_be_tried_again(start):
    node, data = start(), noise(MIB)
    target, token = begun(node, len(data)), node.ticket()
    parts = [part_of(node, token, piece) for piece in (data[:1000], data[1000:])]
    patch(node, target, 0, data[:-1])
    node.stop()
    node.settings["capacity_bytes"] = MIB + 500_000  # room for what is here, and not for the copy at the end
    node.start()
    problem(patch(node, target, len(data) - 1, data[-1:]), 507, "no-space")
    assert offset(node, target) == len(data) - 1
    problem(create(node, None, token, Upload_Concat="final;" + " ".join(parts)), 507, "no-space")
    node.stop()
    del node.settings["capacity_bytes"]
    node.start()
    assert patch(node, target, len(data) - 1, data[-1:]).status == 204
    assert create(node, None, token, Upload_Concat="final;" + " ".join(parts)).status == 201


def test_a_creation_whose_body_breaks_off_leaves_nothing(start):
    node = start()
    with socket.create_connection(("127.0.0.1", node.port), timeout=DEADLINE) as connection:
        connection.sendall(
            f"POST /v1/tus?ticket={quote(node.ticket())} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\n"
            "Upload-Length: 1000\r\nContent-Type: application/offset+octet-stream\r\n"
            "Content-Length: 1000\r\n\r\nhello".encode()
        )
        until(lambda: files(node))
    until(lambda: files(node) == [])
    token = node.ticket()
    problem(create_with(node, b"x" * 10, 10, token), 415, "not-an-image")
    begun(node, 10, token)
