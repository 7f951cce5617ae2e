"""What a server reads of one request: each limit holds exactly, is named in refusals, and is a setting."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import unused_port
from import_graph import ROOT

from atoll.http import json_response, problems, read_json, serve
from atoll.http_protocol import DEFAULT_LIMITS, RequestLimits
from query_service.settings import QuerySettings

LIMITS = RequestLimits(line_bytes=1000, headers=40, json_depth=5)


@contextlib.asynccontextmanager
async def serving(limits):
    async def echo(request):
        return json_response(await read_json(request, Any))

    app, port = web.Application(middlewares=[problems]), unused_port()
    app.router.add_post("/", echo)
    async with serve(app, "127.0.0.1", port, drain_seconds=1, limits=limits), ClientSession() as client:

        async def post(body=b"1", headers=None, query=""):
            url = f"http://127.0.0.1:{port}/{query}"
            async with client.post(url, data=body, headers=headers) as response:
                return response.status, await response.json(content_type=None)

        yield post


def nested(depth):
    return b"[" * depth + b"]" * depth


async def test_json_is_as_deep_as_allowed_and_not_one_deeper():
    async with serving(LIMITS) as post:
        assert (await post(nested(5)))[0] == 200
        status, problem = await post(nested(6))
        assert (status, problem["type"], problem["limit"]) == (400, "urn:atoll:problem:bad-request", 5)
        assert (await post(json.dumps("[" * 100).encode()))[0] == 200


async def test_without_a_setting_the_limit_is_the_one_that_is_documented():
    async with serving(DEFAULT_LIMITS) as post:
        assert (await post(nested(32)))[0] == 200
        assert (await post(nested(33)))[1]["limit"] == 32


async def test_a_long_header_or_request_line_is_431_and_says_the_limit():
    async with serving(LIMITS) as post:
        assert (await post(headers={"X-Long": "a" * 900}))[0] == 200
        for asked in ({"headers": {"X-Long": "a" * 1001}}, {"query": "?" + "a" * 1001}):
            status, problem = await post(**asked)
            assert (status, problem["type"]) == (431, "urn:atoll:problem:headers-too-large")
            assert problem["max_bytes"] == 1000


async def test_many_headers_are_431_and_say_the_limit():
    async with serving(LIMITS) as post:
        assert (await post(headers={f"X-{number}": "1" for number in range(30)}))[0] == 200
        status, problem = await post(headers={f"X-{number}": "1" for number in range(60)})
        assert (status, problem["type"], problem["limit"]) == (431, "urn:atoll:problem:headers-too-large", 40)


@pytest.mark.parametrize(
    ("setting", "limit"),
    [("max_header_bytes", "line_bytes"), ("max_headers", "headers"), ("max_json_depth", "json_depth")],
)
def test_each_limit_is_a_setting_of_the_query_service(setting, limit, tmp_path):
    fields = {field.name: field for field in dataclasses.fields(QuerySettings)}
    assert fields[setting].default == getattr(DEFAULT_LIMITS, limit)
    needed = {
        name: tmp_path
        if name.endswith(("_file", "_dir"))
        else "nats://127.0.0.1:4222"
        if "url" in name
        else "eu"
        for name in (
            "name",
            "region",
            "cluster_secret_file",
            "state_dir",
            "nats_url",
            "api_keys_file",
            "mongodb_url_file",
        )
    }
    given = QuerySettings(**needed, listen_port=8400, **{setting: 64})
    assert getattr(given.request_limits, limit) == 64
    assert f"# {setting} = " in (ROOT / "deploy" / "query_service.toml").read_text(encoding="utf-8")
