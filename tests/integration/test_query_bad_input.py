"""Bad input to the query service: each gets a problem document that says what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import QueryStage, query_stage

ID = "0" * 26
UPLOAD = {"bucket": "photos"}

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    """Engines, nodes and the service, for all tests of this module."""
    directory = tmp_path_factory.mktemp("query")
    changes = {"max_upload_bytes": 5000, "max_ticket_files": 100}
    with EngineThread(tmp_path_factory.mktemp("query-engines")) as engines:
        async with query_stage(directory, engines.urls, "atoll_test", **changes) as running:
            yield running


ROUTES = [
    ("POST", "/v1/uploads", "write"),
    ("POST", "/v1/assets?bucket=photos", "write"),
    ("GET", "/v1/assets?bucket=photos", "read"),
    ("GET", f"/v1/assets/{ID}", "read"),
    ("GET", f"/v1/assets/{ID}/url", "read"),
    ("GET", f"/v1/assets/{ID}/locations", "read"),
    ("GET", "/v1/assets/by-name/photos/x", "read"),
    ("DELETE", f"/v1/assets/{ID}", "delete"),
    ("POST", "/v1/resolve", "read"),
    ("GET", "/v1/nodes", "read"),
    ("GET", "/v1/sets", "read"),
    ("GET", "/v1/regions", "read"),
    ("GET", "/v1/buckets", "read"),
    ("PUT", "/v1/buckets/photos", "admin"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_every_route_wants_a_key_with_its_scope(
    stage: QueryStage, method: str, path: str, scope: str
) -> None:
    answer = await stage.ask(method, path, key=None)
    answer.problem(401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    wrong = await stage.ask(method, path, key=None, Authorization="Bearer wrong")
    wrong.problem(401, "unauthorized")
    basic = await stage.ask(method, path, key=None, Authorization="Basic YTpi")
    basic.problem(401, "unauthorized")
    for key, scopes in {"reader": {"read"}, "writer": {"write"}}.items():
        answer = await stage.ask(method, path, key=key)
        if scope in scopes:
            assert answer.status not in (401, 403)
        else:
            assert answer.problem(403, "forbidden")["scope"] == scope


UPLOAD_MISTAKES: list[tuple[Any, int, str, dict[str, Any]]] = [
    (b"", 400, "bad-request", {}),
    (b"{", 400, "bad-request", {}),
    (b"[]", 400, "bad-request", {}),
    (b"\xff\xfe", 400, "bad-request", {}),
    (b"[" * 100_000, 400, "bad-request", {}),
    ({}, 400, "bad-request", {}),
    ({"bucket": 7}, 400, "bad-request", {}),
    ({"bucket": "photos", "max_byte": 1}, 400, "bad-request", {}),
    ({"bucket": "Photos"}, 400, "bad-name", {"name": "bucket"}),
    ({"bucket": "../etc"}, 400, "bad-name", {"name": "bucket"}),
    ({"bucket": "internal"}, 400, "bad-name", {"name": "bucket"}),
    ({"bucket": "x" * 2000}, 400, "bad-request", {}),
    ({"bucket": "nobucket"}, 404, "not-found", {"bucket": "nobucket"}),
    ({**UPLOAD, "public_id": ""}, 400, "bad-name", {"name": "public_id"}),
    ({**UPLOAD, "public_id": "a/../b"}, 400, "bad-name", {"name": "public_id"}),
    ({**UPLOAD, "public_id": "nul\0"}, 400, "bad-name", {"name": "public_id"}),
    ({**UPLOAD, "public_id": "x" * 256}, 400, "bad-name", {"name": "public_id"}),
    ({**UPLOAD, "public_id": "x", "files": 2}, 400, "bad-request", {"parameter": "files"}),
    ({**UPLOAD, "files": 0}, 400, "bad-request", {}),
    ({**UPLOAD, "files": 101}, 413, "too-many-files", {"limit": 100, "got": 101}),
    ({**UPLOAD, "files": 1.5}, 400, "bad-request", {}),
    ({**UPLOAD, "max_bytes": 0}, 400, "bad-request", {}),
    ({**UPLOAD, "max_bytes": -1}, 400, "bad-request", {}),
    ({**UPLOAD, "tags": [str(n) for n in range(33)]}, 400, "bad-request", {}),
    ({**UPLOAD, "tags": ["x" * 65]}, 400, "bad-request", {}),
    ({**UPLOAD, "tags": [""]}, 400, "bad-request", {}),
    ({**UPLOAD, "context": {"a": 1}}, 400, "bad-request", {}),
    ({**UPLOAD, "context": {"a": "x" * 257}}, 400, "bad-request", {}),
    (
        {**UPLOAD, "context": {f"{n:064}": "x" * 256 for n in range(32)}},
        400,
        "bad-request",
        {"limit": 6144},
    ),
]


@pytest.mark.parametrize(("body", "status", "slug", "facts"), UPLOAD_MISTAKES)
async def test_a_wrong_wish_for_a_ticket(
    stage: QueryStage, body: Any, status: int, slug: str, facts: dict[str, Any]
) -> None:
    problem = (await stage.ask("POST", "/v1/uploads", body)).problem(status, slug)
    assert facts.items() <= problem.items()


async def test_json_bodies_have_a_limit(stage: QueryStage) -> None:
    body = b'{"bucket": "photos"' + b" " * 2**20 + b"}"
    for method, path in (("POST", "/v1/uploads"), ("POST", "/v1/resolve"), ("PUT", "/v1/buckets/photos")):
        problem = (await stage.ask(method, path, body)).problem(413, "too-large")
        assert problem["limit"] == 2**20


@pytest.mark.parametrize(
    ("query", "status", "slug", "facts"),
    [
        ("", 400, "bad-request", {"parameter": "bucket"}),
        ("bucket=..", 400, "bad-name", {"name": "bucket"}),
        ("bucket=nobucket", 404, "not-found", {"bucket": "nobucket"}),
        ("bucket=photos&public_id=a%2F..%2Fb", 400, "bad-name", {"name": "public_id"}),
        ("bucket=photos&public_id=a%252Fb", 400, "bad-name", {"name": "public_id"}),
        ("bucket=photos&public_id=%00", 400, "bad-name", {"name": "public_id"}),
        ("bucket=photos&public_id=%ff", 400, "bad-request", {"parameter": "public_id"}),
        ("bucket=photos&files=0", 400, "bad-request", {"parameter": "files"}),
        ("bucket=photos&files=x", 400, "bad-request", {"parameter": "files"}),
        ("bucket=photos&files=10000", 413, "too-many-files", {"limit": 100, "got": 10000}),
        ("bucket=photos&tags=" + "x" * 65, 400, "bad-request", {"parameter": "tags"}),
        ("bucket=photos&tags=" + "x," * 33, 400, "bad-request", {"parameter": "tags", "limit": 32}),
        ("bucket=photos&bucket=tiny", 400, "bad-request", {"parameter": "bucket"}),
        ("bucket=photos&file=1", 400, "bad-request", {"parameter": "file"}),
        ("bucket=photos&lat=91&lon=0", 400, "bad-request", {"parameter": "lat"}),
        ("bucket=photos&x=" + "y" * 4096, 400, "bad-request", {"limit": 4096}),
    ],
)
async def test_a_wrong_wish_for_a_redirect(
    stage: QueryStage, query: str, status: int, slug: str, facts: dict[str, Any]
) -> None:
    problem = (await stage.ask("POST", f"/v1/assets?{query}")).problem(status, slug)
    assert facts.items() <= problem.items()


@pytest.mark.parametrize("tail", ["", "/url", "/locations"])
@pytest.mark.parametrize(
    ("asset_id", "status", "slug"),
    [
        (ID, 404, "not-found"),
        ("x", 400, "bad-name"),
        ("A" * 26, 400, "bad-name"),
        ("0" * 27, 400, "bad-name"),
        ("%2e%2e%2f" * 3, 400, "bad-name"),
        ("%00" * 26, 400, "bad-name"),
        ("%252e" * 5, 400, "bad-name"),
        ("%F0%9F%98%80" * 26, 400, "bad-name"),
    ],
)
async def test_a_wrong_asset_id(stage: QueryStage, asset_id: str, tail: str, status: int, slug: str) -> None:
    (await stage.get(f"/v1/assets/{asset_id}{tail}")).problem(status, slug)
    if not tail:
        (await stage.ask("DELETE", f"/v1/assets/{asset_id}")).problem(status, slug)


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (f"/v1/assets/{ID}/url?lat=91&lon=0", "lat"),
        (f"/v1/assets/{ID}/url?lat=1", "lon"),
        (f"/v1/assets/{ID}/url?lat=x&lon=0", "lat"),
        (f"/v1/assets/{ID}/url?region=mars", "region"),
        (f"/v1/assets/{ID}/url?expires_in=0", "expires_in"),
        (f"/v1/assets/{ID}/url?expires_in=604801", "expires_in"),
        (f"/v1/assets/{ID}/url?expires_in=1.5", "expires_in"),
        (f"/v1/assets/{ID}/url?transformation=w_100", "transformation"),
        (f"/v1/assets/{ID}?x=1", "x"),
        (f"/v1/assets/{ID}/locations?lat=1&lon=1", "lat"),
        ("/v1/assets", "bucket"),
        ("/v1/assets?bucket=photos&limit=1001", "limit"),
        ("/v1/assets?bucket=photos&limit=0", "limit"),
        ("/v1/assets?bucket=photos&limit=-1", "limit"),
        ("/v1/assets?bucket=photos&cursor=!!!", "cursor"),
        ("/v1/assets?bucket=photos&cursor=AAAA", "cursor"),
        ("/v1/assets?bucket=photos&cursor=", "cursor"),
        ("/v1/assets?bucket=photos&cursor=%F0%9F%98%80", "cursor"),
        ("/v1/assets?bucket=photos&prefix=" + "x" * 256, "prefix"),
        ("/v1/assets?bucket=photos&prefix=%00", "prefix"),
        ("/v1/nodes?x=1", "x"),
        ("/v1/sets?x=1", "x"),
        ("/v1/regions?x=1", "x"),
        ("/v1/buckets?x=1", "x"),
    ],
)
async def test_a_wrong_parameter_is_named(stage: QueryStage, path: str, parameter: str) -> None:
    assert (await stage.get(path)).problem(400, "bad-request")["parameter"] == parameter


async def test_a_listing_of_an_unknown_bucket(stage: QueryStage) -> None:
    problem = (await stage.get("/v1/assets?bucket=nobucket")).problem(404, "not-found")
    assert problem["bucket"] == "nobucket"


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/v1/assets/by-name/photos/nothing", 404, "not-found"),
        ("/v1/assets/by-name/photos/a//b", 400, "bad-name"),
        ("/v1/assets/by-name/photos/a%00b", 400, "bad-name"),
        ("/v1/assets/by-name/photos/%2e%2e/x", 400, "bad-name"),
        ("/v1/assets/by-name/photos/a%252fb", 400, "bad-name"),
        ("/v1/assets/by-name/photos/" + "x" * 256, 400, "bad-name"),
        ("/v1/assets/by-name/Photos/x", 400, "bad-name"),
        ("/v1/assets/by-name/photos", 404, "not-found"),
        ("/i/photos/nothing.jpg", 404, "not-found"),
        ("/i/nobucket/x.jpg", 404, "not-found"),
        ("/i/photos/a%00.jpg", 400, "bad-name"),
        ("/i/photos/..%2f..%2fetc%2fpasswd", 400, "bad-name"),
        ("/i/photos/a%252f..%252f.jpg", 400, "bad-name"),
        ("/i/..%2f/x.jpg", 400, "bad-name"),
        ("/i/photos/x.jpg?lat=99&lon=0", 400, "bad-request"),
        ("/i/photos/", 404, "not-found"),
        ("/nothing/here", 404, "not-found"),
    ],
)
async def test_a_wrong_path(stage: QueryStage, path: str, status: int, slug: str) -> None:
    (await stage.get(path)).problem(status, slug)


RESOLVE_MISTAKES: list[tuple[Any, int, str, dict[str, Any]]] = [
    (b"{", 400, "bad-request", {}),
    ({}, 400, "bad-request", {}),
    ({"items": [{}], "extra": 1}, 400, "bad-request", {}),
    ({"items": [{"asset": ID}]}, 400, "bad-request", {}),
    ({"items": [ID]}, 400, "bad-request", {}),
    ({"items": [{"asset_id": ID}] * 1001}, 413, "too-large", {"limit": 1000, "got": 1001}),
    ({"items": [], "lat": 91, "lon": 0}, 400, "bad-request", {}),
    ({"items": [], "lat": 1}, 400, "bad-request", {"parameter": "lon"}),
    ({"items": [], "region": "mars"}, 400, "bad-request", {"parameter": "region"}),
    ({"items": [], "expires_in": 604801}, 400, "bad-request", {"limit": 604800, "got": 604801}),
    ({"items": [], "expires_in": 0}, 400, "bad-request", {}),
]


@pytest.mark.parametrize(("body", "status", "slug", "facts"), RESOLVE_MISTAKES)
async def test_a_wrong_batch(
    stage: QueryStage, body: Any, status: int, slug: str, facts: dict[str, Any]
) -> None:
    problem = (await stage.ask("POST", "/v1/resolve", body)).problem(status, slug)
    assert facts.items() <= problem.items()


@pytest.mark.parametrize(
    ("item", "status", "slug"),
    [
        ({"asset_id": "x"}, 400, "bad-name"),
        ({"bucket": "photos"}, 400, "bad-request"),
        ({"bucket": "photos", "public_id": "a", "handle": "b"}, 400, "bad-request"),
        ({"bucket": "photos", "public_id": "a\0"}, 400, "bad-name"),
        ({"bucket": "photos", "handle": "main/" + "a" * 64 + ".exe"}, 400, "bad-name"),
        ({"bucket": "photos", "handle": "../" + "a" * 64 + ".jpg"}, 400, "bad-name"),
        ({"bucket": "photos", "handle": "none/" + "a" * 64 + ".jpg"}, 404, "not-found"),
        ({"bucket": "nobucket", "handle": "main/" + "a" * 64 + ".jpg"}, 404, "not-found"),
        ({"handle": "main/" + "a" * 64 + ".jpg"}, 400, "bad-request"),
    ],
)
async def test_a_wrong_item_spoils_only_itself(
    stage: QueryStage, item: dict[str, str], status: int, slug: str
) -> None:
    good = {"bucket": "photos", "handle": "main/" + "a" * 64 + ".jpg"}
    answer = await stage.ask("POST", "/v1/resolve", {"items": [item, good]})
    wrong, right = answer.body["results"]
    assert (wrong["problem"]["status"], wrong["problem"]["type"]) == (status, f"urn:atoll:problem:{slug}")
    assert right["node"] == "eu-1"


@pytest.mark.parametrize(
    ("bucket", "body", "slug"),
    [
        ("Photos", {"visibility": "public"}, "bad-name"),
        ("health", {"visibility": "public"}, "bad-name"),
        ("a%2Fb", {"visibility": "public"}, "bad-name"),
        ("good", {}, "bad-request"),
        ("good", {"visibility": "open"}, "bad-request"),
        ("good", {"visibility": "public", "max_bytes": 0}, "bad-request"),
        ("good", {"visibility": "public", "allowed": []}, "bad-request"),
        ("good", {"visibility": "public", "allowed": ["svg"]}, "bad-request"),
        ("good", {"visibility": "public", "color": "red"}, "bad-request"),
    ],
)
async def test_a_wrong_bucket(stage: QueryStage, bucket: str, body: object, slug: str) -> None:
    (await stage.ask("PUT", f"/v1/buckets/{bucket}", body)).problem(400, slug)
    names = [b["name"] for b in (await stage.get("/v1/buckets")).body["buckets"]]
    assert names == ["photos", "secret", "tiny"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/uploads", {"POST"}),
        ("GET", "/v1/resolve", {"POST"}),
        ("PATCH", "/v1/assets", {"GET", "HEAD", "POST"}),
        ("POST", f"/v1/assets/{ID}", {"DELETE", "GET", "HEAD", "PATCH"}),
        ("POST", "/i/photos/x", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    stage: QueryStage, method: str, path: str, allowed: set[str]
) -> None:
    answer = await stage.ask(method, path)
    assert answer.status == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["status"] == 405
    assert set(answer.headers["Allow"].split(",")) == allowed


async def test_what_is_no_http_gets_a_problem_too(stage: QueryStage) -> None:
    for raw in (b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b"\0\0\0\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.settings.listen_port)
        writer.write(raw)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert b"application/problem+json" in answer
        assert answer.split(b" ")[1].startswith(b"4")


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "slug"),
    [
        ("POST /app/session", {"X-Atoll-App": "1", "Origin": "\xff"}, 403, "forbidden"),
        (f"PATCH /v1/assets/{ID}", {"If-Match": "\xff"}, 400, "bad-request"),
        ("PUT /v1/buckets/photos", {"If-Match": "\xff"}, 400, "bad-request"),
    ],
)
async def test_a_header_that_is_no_text_is_refused_as_any_other_wrong_one(
    stage: QueryStage, request_line: str, headers: dict[str, str], status: int, slug: str
) -> None:
    """Written by hand: aiohttp's client sends no such byte."""
    known = {"Host": "x", "Connection": "close", "Content-Length": "2"}
    known["Authorization"] = f"Bearer {stage.api_keys['admin']}"
    head = "".join(f"{name}: {value}\r\n" for name, value in (known | headers).items())
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.settings.listen_port)
    try:
        writer.write(f"{request_line} HTTP/1.1\r\n{head}\r\n{{}}".encode("latin-1"))
        answer = await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert f'"urn:atoll:problem:{slug}"'.encode() in answer


@pytest.mark.parametrize("end", ["min", "max"])
@pytest.mark.parametrize("figure", ["bytes", "width", "height"])
async def test_a_search_takes_no_number_that_mongodb_does_not(
    stage: QueryStage, end: str, figure: str
) -> None:
    name, most = f"{end}_{figure}", 10**12 - 1
    for sort in ({}, {"sort": f"-{figure}"}):
        order = {"bucket": "photos", name: most, **sort}
        assert (await stage.ask("POST", "/v1/search", order)).status == 200
        for beyond in (most + 1, 2**63, 10**22):
            answer = await stage.ask("POST", "/v1/search", {**order, name: beyond})
            assert name in answer.problem(400, "bad-request")["detail"]
    query = f"bucket=photos&{name}={most + 1}"
    (await stage.get(f"/v1/assets?{query}")).problem(400, "bad-request")
