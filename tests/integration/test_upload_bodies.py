"""Bodies that are too long, too short, too slow or cut off: each refused clearly, and nothing is left."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from node_fixture import NodeProcess, new_region, picture, problem, read_answer, until, upload_path

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    yield running
    running.end()


@pytest.fixture(scope="module")
def impatient_node(engines, tmp_path_factory):
    settings = {"upload_idle_seconds": 0.6, "upload_min_bytes_per_second": 20_000}
    directory = tmp_path_factory.mktemp("impatient")
    running = NodeProcess(directory, engines.urls.nats, new_region(), settings).start()
    yield running
    running.end()


def head(token: str, *headers: str, method: str = "PUT") -> bytes:
    lines = (f"{method} {upload_path(token)} HTTP/1.1", "Host: node", *headers, "", "")
    return "\r\n".join(lines).encode()


def under_way(node: NodeProcess) -> int:
    text = node.request("GET", "/metrics").json.decode()
    found = re.search(r"^atoll_uploads_under_way (\S+)", text, re.MULTILINE)
    assert found
    return int(float(found[1]))


def test_a_body_shorter_than_its_content_length_is_refused(node):
    data = picture(size=(300, 300))
    with node.leaves_nothing(), node.connected() as connection:
        connection.sendall(head(node.ticket(), f"Content-Length: {len(data) + 10}") + data)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""  # whoever breaks off has no connection to be answered on
    until(lambda: under_way(node) == 0)


def test_what_follows_a_body_is_no_part_of_it_and_no_request_either(node):
    data = picture()
    with node.connected() as connection:
        connection.sendall(head(node.ticket(), f"Content-Length: {len(data)}") + data)
        assert read_answer(connection).json["sha256"] == hashlib.sha256(data).hexdigest()
        connection.sendall(b"and more\r\n\r\n")
        problem(read_answer(connection), 400, "bad-request")
        assert connection.recv(1) == b""


def test_a_body_longer_than_its_content_length_is_refused(node):
    data = picture(size=(300, 300))
    with node.leaves_nothing(), node.connected() as connection:
        connection.sendall(head(node.ticket(), f"Content-Length: {len(data) - 5000}") + data)
        answer = read_answer(connection)
    # What is read first decides: the truncated image, or the rest that is no request.
    assert (answer.status, answer.json["type"].rpartition(":")[2]) in {
        (422, "undecodable"),
        (400, "bad-request"),
    }


@pytest.mark.parametrize("length", ["-5", "abc", "1e3", "10, 20", "+10", "9" * 30])
def test_a_content_length_that_is_no_number_is_refused(node, length):
    with node.leaves_nothing(), node.connected() as connection:
        connection.sendall(head(node.ticket(), f"Content-Length: {length}") + b"0123456789")
        answer = read_answer(connection)
        assert (answer.status, answer.json["status"]) in {(400, 400), (413, 413)}


def test_a_content_length_over_the_limit_is_refused_before_the_body_is_sent(node):
    with node.leaves_nothing(), node.connected() as connection:
        connection.sendall(head(node.ticket(max_bytes=5000), "Content-Length: 5001"))
        facts = problem(read_answer(connection), 413, "too-large")
    assert (facts["limit"], facts["got"]) == (5000, 5001)


def test_a_client_that_sends_on_after_the_refusal_still_reads_it(node):
    data = b"\xff\xd8\xff" + bytes(3_000_000)
    problem(node.put(data, node.ticket(max_bytes=5000)), 413, "too-large")


@pytest.mark.parametrize("size", [5001, 400_000])
def test_a_chunked_body_is_refused_when_it_passes_the_limit(node, size):
    data = picture("PNG", (400, 400), compress_level=0)[:size]
    pieces = (data[at : at + 1000] for at in range(0, len(data), 1000))
    with node.leaves_nothing():
        answer = node.put(pieces, node.ticket(max_bytes=5000))
        assert problem(answer, 413, "too-large")["limit"] == 5000


def test_a_chunked_body_within_the_limit_is_taken(node):
    data = picture()
    answer = node.put(data[at : at + 100] for at in range(0, len(data), 100))
    assert (answer.status, answer.json["bytes"]) == (201, len(data))


@pytest.mark.parametrize("chunk", [b"xyz\r\nabc\r\n", b"5\r\nabcdefgh\r\n", b"-1\r\n\r\n"])
def test_broken_chunks_are_refused(node, chunk):
    with node.leaves_nothing(), node.connected() as connection:
        connection.sendall(head(node.ticket(), "Transfer-Encoding: chunked") + chunk)
        answer = read_answer(connection)
        assert answer.status == 400
        assert answer.headers.get_content_type() == "application/problem+json"


def test_a_silent_body_times_out_with_the_seconds_it_may_be_silent(impatient_node):
    node = impatient_node
    with node.leaves_nothing(), node.connected() as connection:
        connection.sendall(head(node.ticket(), "Content-Length: 90000") + picture()[:500])
        facts = problem(read_answer(connection), 408, "body-timeout")
    assert (facts["idle_seconds"], facts["received"]) == (0.6, 500)


def test_a_dripping_body_times_out_with_the_rate_it_must_keep(impatient_node):
    node = impatient_node
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not stop.wait(0.05):
            try:
                connection.sendall(b"x")
            except OSError:
                return

    with node.leaves_nothing(), node.connected() as connection:
        connection.sendall(head(node.ticket(), "Content-Length: 90000") + b"\xff\xd8\xff")
        dripping = threading.Thread(target=drip, args=(connection,))
        dripping.start()
        facts = problem(read_answer(connection), 408, "body-timeout")
        stop.set()
        dripping.join()
    assert facts["min_bytes_per_second"] == 20_000
    assert 0 < facts["received"] < 1000


def test_a_client_that_waits_for_100_continue_gets_it_when_its_ticket_is_good(node):
    data = picture()
    with node.connected() as connection:
        connection.sendall(head(node.ticket(), f"Content-Length: {len(data)}", "Expect: 100-continue"))
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(data)
        assert read_answer(connection).status == 201


@pytest.mark.parametrize("fault", ["ticket", "size"])
def test_a_client_that_waits_for_100_continue_is_refused_without_it(node, fault):
    token = node.ticket(node="node-2") if fault == "ticket" else node.ticket(max_bytes=10)
    with node.leaves_nothing(), node.connected() as connection:
        connection.sendall(head(token, "Content-Length: 500", "Expect: 100-continue"))
        answer = read_answer(connection)
    assert answer.status == {"ticket": 421, "size": 413}[fault]


@pytest.mark.parametrize("sent", [0, 1000, 600_000])
def test_a_client_that_goes_away_in_the_middle_leaves_nothing(node, sent):
    data = picture("PNG", (600, 600), compress_level=0)
    with node.leaves_nothing():
        with node.connected() as connection:
            connection.sendall(head(node.ticket(), f"Content-Length: {len(data)}") + data[:sent])
            until(lambda: under_way(node) == 1)
        until(lambda: under_way(node) == 0)


def test_a_client_that_goes_away_after_the_body_finds_its_upload_when_it_comes_again(node):
    data, token, before = picture(size=(600, 600)), node.ticket(), node.traces()
    with node.connected() as connection:
        connection.sendall(head(token, f"Content-Length: {len(data)}") + data)
    until(lambda: node.traces().events == before.events + 1)
    with node.leaves_nothing():
        answer = node.put(data, token)
    assert (answer.status, answer.json["sha256"]) == (201, hashlib.sha256(data).hexdigest())


def test_more_uploads_at_once_than_there_are_places_are_told_to_come_again(engines, tmp_path):
    node = NodeProcess(tmp_path / "node", engines.urls.nats, new_region(), {"max_uploads": 2}).start()
    data = picture()
    with ExitStack() as stack:
        waiting = [stack.enter_context(node.connected()) for _ in range(2)]
        for connection in waiting:
            connection.sendall(head(node.ticket(), f"Content-Length: {len(data)}"))
        until(lambda: under_way(node) == 2)
        with node.leaves_nothing():
            answer = node.put(data)
            facts = problem(answer, 503, "overloaded")
        assert facts["limit"] == 2
        assert int(answer.headers["Retry-After"]) >= 1
        for connection in waiting:
            connection.sendall(data)
        assert [read_answer(connection).status for connection in waiting] == [201, 201]
    assert node.put(data).status == 201
    node.end()


@pytest.mark.parametrize(
    "request_",
    [b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x00\xa5", b"GET /\0 HTTP/1.1\r\n\r\n"],
)
def test_bytes_that_are_no_http_get_a_problem_document(node, request_):
    with node.connected() as connection:
        connection.sendall(request_)
        problem(read_answer(connection), 400, "bad-request")


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_other_methods_are_told_which_ones_there_are(node, method):
    answer = node.request(method, upload_path(node.ticket()))
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(",")) == {"PUT", "POST"}
    assert answer.headers.get_content_type() == "application/problem+json"


def test_many_small_uploads_on_one_connection_are_all_taken(node):
    with node.connected() as connection:
        for _ in range(20):
            data = picture()
            connection.sendall(head(node.ticket(), f"Content-Length: {len(data)}") + data)
            assert read_answer(connection).status == 201


def test_a_slow_but_steady_body_is_taken(node):
    data = picture()
    with node.connected() as connection:
        connection.sendall(head(node.ticket(), f"Content-Length: {len(data)}"))
        for at in range(0, len(data), 300):
            connection.sendall(data[at : at + 300])
            time.sleep(0.005)  # so that they arrive one by one
        assert read_answer(connection).status == 201
