"""A node of several processes: whichever is asked, it is one node."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import os
import platform
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psutil
import pytest
from node_fixture import (
    BUCKET,
    SET,
    NodeProcess,
    form_of,
    new_region,
    picture,
    problem,
    read_answer,
    until,
    upload_path,
)
from public_bucket import open_bucket, put_entry
from worker_crowd import CROWD, address, by_process, crowd_of, delete, kill, workers_of

from atoll.bucket import Bucket
from storage_node.tus_address import PREFIX as TUS

pytestmark = pytest.mark.integration

RAM = 'atoll_node_reads_total{source="ram"}'
DISK = 'atoll_node_reads_total{source="disk"}'


def both_serve(node: NodeProcess) -> None:
    """Return once the worker is there, too."""
    until(lambda: b"atoll_workers 1.0" in node.request("GET", "/metrics").json, lambda: node.log[-4000:])


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    directory = tmp_path_factory.mktemp("workers") / "node"
    made = NodeProcess(
        directory,
        engines.urls.nats,
        new_region(),
        {"workers": 2, "drain_seconds": 5.0},
    )
    made.start()
    both_serve(made)
    open_bucket(made, Bucket(BUCKET, unsigned_transformations=True))
    yield made
    made.end()


@pytest.fixture
def crowd(node):
    both_serve(node)
    with crowd_of(node) as gathered:
        yield gathered


def stored(node: NodeProcess, body: bytes) -> dict[str, object]:
    answer = node.put(body)
    assert answer.status == 201, answer
    return answer.json


def half_an_upload(node: NodeProcess, stack: contextlib.ExitStack, body: bytes) -> socket.socket:
    connection = stack.enter_context(node.connected())
    head = f"PUT {upload_path(node.ticket())} HTTP/1.1\r\nHost: n\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[: len(body) // 2])
    return connection


def test_each_process_takes_uploads_and_reads_and_all_have_what_one_took(node, crowd):
    bodies = [picture() for _ in range(CROWD)]
    before = by_process(node, 'atoll_uploads_total{result="stored"}')
    assets = []
    for number, body in enumerate(bodies):
        answer = crowd.one(number, "PUT", upload_path(node.ticket()), body)
        assert answer.status == 201, answer
        assets.append(answer.json)
    for asset, body in zip(assets, bodies, strict=True):
        assert asset["sha256"] == hashlib.sha256(body).hexdigest()
        for _ in range(2):
            assert {answer.json for answer in crowd.ask("GET", address(asset))} == {body}
    after = by_process(node, 'atoll_uploads_total{result="stored"}')
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    assert set(grown) == {"home", "1"}
    assert min(grown.values()) > 0
    assert sum(grown.values()) == CROWD
    assert min(by_process(node, RAM).values()) > 0
    assert min(by_process(node, DISK).values()) > 0


def test_a_ticket_is_used_once_whichever_process_it_is_shown_to(node, crowd):
    ticket = node.ticket()
    answers = [crowd.one(n, "PUT", upload_path(ticket), picture()) for n in range(CROWD)]
    assert [answer.status for answer in answers] == [201] + [409] * (CROWD - 1)
    problem(answers[-1], 409, "ticket-replayed")
    body, ticket = picture(), node.ticket()
    again = [crowd.one(n, "PUT", upload_path(ticket), body).json for n in range(CROWD)]
    assert len({(asset["asset_id"], asset["version"]) for asset in again}) == 1


def test_any_number_of_refused_uploads_of_the_same_bytes_is_answered_and_the_next_are_taken(node):
    """More at once than a process has threads that write: all of them wait for the lock of one blob."""
    ticket, other = node.ticket(), picture()
    assert node.put(picture(), ticket).status == 201
    with ThreadPoolExecutor(60) as senders, node.leaves_nothing():
        answers = [senders.submit(node.put, other, ticket) for _ in range(60)]
        assert {answer.result().status for answer in answers} == {409}
    with crowd_of(node) as crowd:
        later = [crowd.one(n, "PUT", upload_path(node.ticket()), picture()) for n in range(CROWD)]
        assert {answer.status for answer in later} == {201}


def test_what_is_deleted_is_in_no_process_memory_once_that_is_confirmed(node, crowd):
    for _ in range(5):
        asset = stored(node, picture())
        for _ in range(2):
            assert {answer.status for answer in crowd.ask("GET", address(asset))} == {200}
        delete(node, asset)
        assert {answer.status for answer in crowd.ask("GET", address(asset))} == {404}
        crowd.close()  # what was not there went home with its connection


def test_a_worker_that_hangs_keeps_no_delete_from_being_confirmed_and_serves_no_deleted_byte(node, crowd):
    asset = stored(node, picture())
    assert {answer.status for answer in crowd.ask("GET", address(asset))} == {200}
    (worker,) = workers_of(node)
    with crowd_of(node) as homes:
        assert homes.one(0, "GET", "/health").status == 200  # home's connection from here on
        worker.suspend()
        delete(node, asset, partial(homes.one, 0))
    assert psutil.wait_procs([worker], timeout=20)[1] == []
    with crowd_of(node) as fresh:
        assert {answer.status for answer in fresh.ask("GET", address(asset))} == {404}
    both_serve(node)
    node.forget_log()


def test_a_wrong_byte_is_served_by_none(node, crowd):
    asset = stored(node, picture())
    (file,) = (node.data / "blobs").rglob(f"{asset['sha256']}.jpg")
    right = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert {answer.status for answer in crowd.ask("GET", address(asset))} <= {404, 502}
    assert node.index(
        "SELECT count(*) FROM quarantined WHERE sha256 = ?", bytes.fromhex(asset["sha256"])
    ) == [(1,)]
    node.forget_log()


def test_a_bucket_made_private_is_so_in_every_process(node, crowd):
    asset = stored(node, picture())
    for _ in range(2):
        assert {answer.status for answer in crowd.ask("GET", address(asset))} == {200}
    asyncio.run(put_entry(node, Bucket(BUCKET, visibility="private")))
    try:
        until(lambda: {answer.status for answer in crowd.ask("GET", address(asset))} == {401})
    finally:
        asyncio.run(put_entry(node, Bucket(BUCKET, unsigned_transformations=True)))
        until(lambda: {answer.status for answer in crowd.ask("GET", address(asset))} == {200})


def test_what_only_home_can_answer_is_answered_on_every_connection(node, crowd):
    asset = stored(node, picture(size=(300, 200)))
    asked = {
        "/health": 200,
        "/metrics": 200,
        "/nothing": 404,
        "/internal/v1/digests": 401,
        f"/{BUCKET}/{SET}/{'0' * 64}.jpg": 404,
        address(asset): 200,
    }
    for target, status in asked.items():
        with crowd_of(node) as fresh:
            assert {answer.status for answer in fresh.ask("GET", target)} == {status}, target
            assert {answer.status for answer in fresh.ask("GET", target)} == {status}, target
    form = form_of(picture())
    with crowd_of(node) as fresh:
        for number in range(CROWD):
            headers = {"Content-Type": form[1]}
            answer = fresh.one(number, "POST", upload_path(node.ticket(max_files=2)), form[0], headers)
            assert answer.status == 201, answer
    assert {answer.status for answer in crowd.ask("OPTIONS", TUS)} == {204}


def test_a_derivative_is_made_once_and_then_hot_in_each_process(node):
    asset = stored(node, picture(size=(300, 200)))
    target = address(asset).replace(f"/{SET}/", f"/c_fit,h_64,w_64/{SET}/")
    renders = 'atoll_node_derivative_renders_total{result="done"}'
    before = by_process(node, renders)["home"]
    with crowd_of(node) as crowd:
        seen = {(answer.status, answer.json) for _ in range(3) for answer in crowd.ask("GET", target)}
        assert len(seen) == 1
        assert {status for status, _ in seen} == {200}
    assert by_process(node, renders)["home"] == before + 1
    assert min(by_process(node, 'atoll_node_derivatives_total{source="ram"}').values()) > 0


@pytest.mark.parametrize("size", [(48, 32), (700, 700)])  # in memory; larger than what is kept there
def test_a_range_a_condition_and_a_head_are_answered_by_each(node, crowd, size):
    body = picture("PNG", size)
    target = address(stored(node, body)).replace(".jpg", ".png")
    assert {a.json for a in crowd.ask("GET", target)} == {body}
    assert {a.json for a in crowd.ask("GET", target, None, {"Range": "bytes=2-9"})} == {body[2:10]}
    tag = f'"{hashlib.sha256(body).hexdigest()}"'
    assert {a.status for a in crowd.ask("GET", target, None, {"If-None-Match": tag})} == {304}
    assert {a.headers["Content-Length"] for a in crowd.ask("HEAD", target)} == {str(len(body))}


def test_requests_in_pieces_in_a_row_and_broken_ones_are_answered_as_ever(node):
    body = picture()
    target = address(stored(node, body))
    ask = f"GET {target} HTTP/1.1\r\nHost: node\r\n\r\n".encode()
    for sent in ([ask], [ask[:9], ask[9:]], [ask * 3], [ask, ask[:30], ask[30:]]):
        for _ in range(8):
            with node.connected() as connection:
                for piece in sent:
                    connection.sendall(piece)
                answers, wanted = b"", b"".join(sent).count(ask)
                while answers.count(body) < wanted and (more := connection.recv(65536)):
                    answers += more
                assert answers.count(b"HTTP/1.1 200 OK\r\n") == answers.count(body) == wanted
    for _ in range(8):
        with node.connected() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
            assert read_answer(connection).status == 400


def test_a_killed_worker_is_started_again_and_the_others_serve_on(node):
    both_serve(node)
    asset = stored(node, picture())
    (worker,) = workers_of(node)
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            half_an_upload(node, stack, picture("PNG", (700, 700)))
        incoming = node.data / "incoming"
        until(
            lambda: list(incoming.glob(f"{worker.pid}-*")),
            lambda: f"{worker.pid} has none of {list(incoming.iterdir())}: {node.log[-3000:]}",
        )
        kill(worker)
        done = 0
        while [one.pid for one in workers_of(node)] in ([], [worker.pid]) or done < 20:
            with contextlib.suppress(ConnectionError, http.client.BadStatusLine):
                assert node.request("GET", address(asset)).status == 200
                done += 1
    both_serve(node)
    until(lambda: not list((node.data / "incoming").iterdir()))
    assert by_process(node, "atoll_worker_restarts_total")["home"] >= 1
    node.forget_log()


def test_nothing_acknowledged_is_lost_when_home_is_killed_and_its_workers_end_with_it(node):
    with crowd_of(node) as crowd:
        bodies = [picture() for _ in range(CROWD)]
        answers = [crowd.one(n, "PUT", upload_path(node.ticket()), body) for n, body in enumerate(bodies)]
        assert {answer.status for answer in answers} == {201}
        orphans = workers_of(node)
        node.kill()
        assert psutil.wait_procs(orphans, timeout=20)[1] == []
    node.start()
    both_serve(node)
    with crowd_of(node) as crowd:
        for answer, body in zip(answers, bodies, strict=True):
            assert {one.json for one in crowd.ask("GET", address(answer.json))} == {body}
    node.forget_log()


def test_a_stop_waits_for_the_uploads_of_every_process(node):
    body = picture()
    with contextlib.ExitStack() as stack:
        under_way = [half_an_upload(node, stack, body) for _ in range(8)]
        until(lambda: sum(by_process(node, "atoll_uploads_under_way").values()) == 8)
        workers = workers_of(node)
        assert node.process is not None
        node.process.terminate()
        until(lambda: "stopping: no new requests" in node.log)
        for connection in under_way:
            connection.sendall(body[len(body) // 2 :])
            assert read_answer(connection).status == 201
        assert node.wait() == 0
        assert psutil.wait_procs(workers, timeout=0)[1] == []


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
KERNEL = tuple(map(int, platform.release().split(".")[:2]))


@pytest.mark.skipif(
    len(CORES) < 2 or KERNEL < (6, 2), reason="one core only, or a kernel that does not heed it"
)
def test_near_connections_come_to_the_process_on_their_core(engines, tmp_path):
    settings = {"workers": 2, "core": CORES[0], "near_connections": True}
    node = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), settings)
    node.start()
    try:
        both_serve(node)
        open_bucket(node, Bucket(BUCKET))
        path = address(stored(node, picture()))
        for core, process in zip(CORES, ("home", "1"), strict=False):
            before = by_process(node, RAM).get(process, 0)
            answers: list[int] = []
            on_core(
                core, lambda seen=answers: seen.extend(node.request("GET", path).status for _ in range(8))
            )
            assert answers == [200] * 8
            # The first may have come from the disk.
            assert by_process(node, RAM).get(process, 0) - before >= 7
    finally:
        node.end()


def on_core(core: int, ask: Callable[[], object]) -> None:
    def run() -> None:
        os.sched_setaffinity(0, {core})
        ask()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
