"""Whatever goes wrong in a handler leaves as a problem document with facts, and never as a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import msgspec
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request, unused_port

from atoll.errors import (
    AtollError,
    BodyMismatch,
    BodyTimeout,
    Forbidden,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from atoll.http import allow_only, json_response, problems, query_number, read_json, serve


class Order(msgspec.Struct):
    name: str
    count: int = 1


@contextlib.asynccontextmanager
async def serving(handler, path="/x", method="*"):
    app = web.Application(middlewares=[problems])
    app.router.add_route(method, path, handler)
    async with TestClient(TestServer(app)) as client:
        yield client


def raising(error):
    async def handle(request):
        raise error

    return handle


async def document_of(response):
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    document = await response.json(content_type=None)
    assert {"type", "title", "status", "detail"} <= document.keys()
    assert document["status"] == response.status
    return document


@pytest.mark.parametrize(
    "error",
    [
        NotFound("No."),
        TooLarge("Much.", limit=5, got=6),
        Unavailable("Away."),
        Forbidden("No.", scope="read"),
    ],
)
async def test_an_error_of_ours_is_its_problem_document(error):
    async with serving(raising(error)) as client:
        response = await client.get("/x")
        assert response.status == error.status
        assert await document_of(response) == error.problem()
        assert response.headers["Cache-Control"] == "no-store"


async def test_what_a_client_sent_that_is_no_text_is_shown_escaped():
    sent = b"a\xff".decode(errors="surrogateescape")
    error = Forbidden(f"Not from {sent}.", got=sent, tried=[sent, ("fine", 1)], by={sent: None})
    async with serving(raising(error)) as client:
        response = await client.get("/x")
        assert response.status == 403
        document = await document_of(response)
    shown = "a\\udcff"
    assert document["detail"] == f"Not from {shown}."
    assert (document["got"], document["tried"]) == (shown, [shown, ["fine", 1]])
    assert document["by"] == {shown: None}


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (1, "1"), (29.6, "30")])
async def test_retry_after_is_a_fact_and_a_header_of_whole_seconds(seconds, header):
    async with serving(raising(Overloaded("Later.", retry_after=seconds))) as client:
        response = await client.get("/x")
        assert response.headers["Retry-After"] == header
        assert (await document_of(response))["retry_after"] == seconds


async def test_401_says_how_to_authenticate():
    async with serving(raising(Unauthorized("Who?"))) as client:
        assert (await client.get("/x")).headers["WWW-Authenticate"] == "Bearer"


async def test_an_unknown_path_is_a_problem_document():
    async with serving(raising(AtollError("never"))) as client:
        response = await client.get("/nowhere")
        assert response.status == 404
        assert (await document_of(response))["type"] == "urn:atoll:problem:not-found"


async def test_a_wrong_method_is_a_problem_document_that_says_which_are_right():
    async with serving(raising(AtollError("never")), method="GET") as client:
        response = await client.delete("/x")
        assert response.status == 405
        assert response.headers["Allow"] == "GET"
        assert (await document_of(response))["title"] == "Method Not Allowed"


@pytest.mark.parametrize("error", [web.HTTPUnsupportedMediaType(), web.HTTPBadRequest(text="because")])
async def test_any_other_answer_of_the_server_is_one_too(error):
    async with serving(raising(error)) as client:
        response = await client.get("/x")
        assert response.status == error.status
        assert (await document_of(response))["detail"]


async def test_a_redirect_stays_a_redirect():
    async with serving(raising(web.HTTPTemporaryRedirect("/y"))) as client:
        response = await client.get("/x", allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (307, "/y")


async def test_a_bug_is_a_logged_500_without_traceback(caplog):
    async with serving(raising(RuntimeError("the secret is hunter2"))) as client:
        response = await client.get("/x")
        text = await response.text()
        assert response.status == 500
        assert (await document_of(response))["type"] == "urn:atoll:problem:internal-error"
    assert "hunter2" not in text
    assert "Traceback" not in text
    assert "hunter2" in caplog.text


async def test_our_own_failures_are_logged_and_the_clients_are_not(caplog):
    caplog.set_level(logging.DEBUG, "atoll.http")
    async with serving(raising(Unavailable("Away.", node="eu-1"))) as client:
        await client.get("/x")
    async with serving(raising(NotFound("No."))) as client:
        await client.get("/x")
    assert [r.getMessage() for r in caplog.records if r.name == "atoll.http"] == ["GET /x: Away."]


async def test_facts_named_like_fields_of_a_log_record_do_not_break_the_answer():
    async with serving(raising(Unavailable("Away.", name="eu-1", message="x", args=[1]))) as client:
        assert (await client.get("/x")).status == 503


async def echo(request):
    order = await read_json(request, Order, limit=100)
    return json_response(order, 201, {"X-Extra": "1"})


async def test_a_json_body_is_read_as_its_type():
    async with serving(echo) as client:
        response = await client.post("/x", data=b'{"name": "a"}')
        assert (response.status, await response.json()) == (201, {"name": "a", "count": 1})
        assert response.headers["X-Extra"] == "1"
        assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "object"),
        (b"{}", "name"),
        (b'{"name": 5}', "$.name"),
        (b'{"name": "a", "count": "b"}', "$.count"),
        (b'{"name": "\xff"}', ""),
        (b'{"name": "\\ud800"}', ""),
        (b"[" * 100, ""),
    ],
)
async def test_a_wrong_body_is_400_and_names_the_member(body, names):
    async with serving(echo) as client:
        response = await client.post("/x", data=body)
        document = await document_of(response)
        assert (response.status, document["type"]) == (400, "urn:atoll:problem:bad-request")
        assert names in document["detail"]


async def test_a_body_at_the_limit_is_read_and_one_byte_more_is_413():
    async with serving(echo) as client:
        body = b'{"name": "a"}'.ljust(100)
        assert (await client.post("/x", data=body)).status == 201
        response = await client.post("/x", data=body + b" ")
        assert response.status == 413
        assert (await document_of(response))["limit"] == 100


async def test_the_limit_holds_without_a_content_length_too():
    async def endless():
        for _ in range(1000):
            yield b" " * 1000

    async with serving(echo) as client:
        assert (await client.post("/x", data=endless())).status == 413


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-91", "90.1", "1e400", "0x10", "1" * 5000])
def test_a_number_outside_its_range_is_refused_and_never_repeated_at_length(text):
    request = make_mocked_request("GET", f"/x?lat={text}")
    with pytest.raises(AtollError, match="from -90 to 90") as refused:
        query_number(request, "lat", -90, 90)
    assert len(refused.value.facts["got"]) <= 40


@pytest.mark.parametrize(
    ("query", "value"), [("", None), ("?lat=-90", -90), ("?lat=12.5", 12.5), ("?lat=9e1", 90)]
)
def test_a_number_inside_its_range_is_taken(query, value):
    assert query_number(make_mocked_request("GET", f"/x{query}"), "lat", -90, 90) == value


class From:
    """A request as `allow_only` sees it: where it comes from."""

    def __init__(self, remote):
        self.remote = remote


LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::1%lo"])
def test_allowed_networks_pass(remote):
    allow_only(LOOPBACK)(From(remote))


@pytest.mark.parametrize(
    "remote", ["10.0.0.1", "128.0.0.1", "::2", "fe80::1%eth0", "::ffff:10.0.0.1", None, ""]
)
def test_everybody_else_is_forbidden(remote):
    with pytest.raises(Forbidden):
        allow_only(LOOPBACK)(From(remote))


def test_no_network_allows_nobody():
    with pytest.raises(Forbidden):
        allow_only(())(From("127.0.0.1"))


async def test_a_stop_waits_for_requests_under_way_and_takes_no_new_ones():
    started, finish, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(request):
        started.set()
        await finish.wait()
        return web.Response(text="whole")

    app = web.Application()
    app.router.add_get("/", slow)
    port = unused_port()

    async def server():
        async with serve(app, "127.0.0.1", port, drain_seconds=20):
            ready.set()
            await stop.wait()

    ready = asyncio.Event()
    task = asyncio.create_task(server())
    await ready.wait()
    async with ClientSession() as session:
        answer = asyncio.create_task(fetch(session, port))
        await started.wait()
        stop.set()
        await refused(session, port)
        finish.set()
        assert await answer == "whole"
    await asyncio.wait_for(task, 20)


async def fetch(session, port):
    async with session.get(f"http://127.0.0.1:{port}/") as response:
        return await response.text()


async def refused(session, port):
    """Return once nobody listens any more."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:  # refused, or reset while the listener closes
                return
            writer.close()
            await asyncio.sleep(0.01)


async def test_a_json_body_that_does_not_come_to_its_end_is_not_waited_for():
    request = make_mocked_request("POST", "/", payload=StreamReader(asyncio.get_running_loop()))
    request.content.feed_data(b'{"name": "half of i')
    with pytest.raises(BodyTimeout) as raised:
        await read_json(request, Order, seconds=0.01)
    assert raised.value.status == 408


class StreamReader:
    """A body of which only so much comes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._data = b""
        self._more = loop.create_future()

    def feed_data(self, data: bytes) -> None:
        self._data += data

    async def iter_chunked(self, _size: int):
        yield self._data
        await self._more


@pytest.mark.parametrize("framing", ["Content-Length: 50", "Transfer-Encoding: chunked"])
async def test_who_hangs_up_in_the_middle_of_a_body_is_no_bug_of_ours(caplog, framing):
    asked, ended = asyncio.Event(), []

    async def handle(request):
        asked.set()
        try:
            return json_response({"name": (await read_json(request, Order)).name})
        except BaseException as error:
            ended.append(error)
            raise

    app, port = web.Application(middlewares=[problems]), unused_port()
    app.router.add_post("/x", handle)
    async with serve(app, "127.0.0.1", port, drain_seconds=10):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST /x HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n5".encode())
        await asyncio.wait_for(asked.wait(), 20)
        writer.close()
        await writer.wait_closed()
    assert isinstance(ended[0], BodyMismatch)
    assert caplog.text == ""
