"""The document against the running service: what it says can be asked, can be asked, and by whom."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import QueryStage, query_stage

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

OPEN = {
    "/",
    "/app",
    "/app/{page}",
    "/app/-/{build}/{file}",
    "/health",
    "/metrics",
    "/openapi.json",
    "/openapi-node.json",
    "/docs",
    "/i/{bucket}/{name}",
}  # take any parameter
VALUES = {
    "asset_id": "0" * 26,
    "bucket": "photos",
    "public_id": "x",
    "node": "eu-1",
    "set": "main",
    "key": "k",
}


def with_values(path: str) -> str:
    """The path with something in the place of each variable: an id where nothing else is said."""
    return re.sub(r"{(\w+)}", lambda found: VALUES.get(found[1], "0" * 26), path)


KNOWN = re.compile(r"known: (.*)\.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    directory = tmp_path_factory.mktemp("openapi")
    with EngineThread(tmp_path_factory.mktemp("openapi-engines")) as engines:
        async with query_stage(directory, engines.urls, "atoll_test") as running:
            yield running


async def operations(stage: QueryStage) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path with values in it, and what the served document says."""
    answer = await stage.ask("GET", "/openapi.json", key=None)
    assert answer.status == 200
    return [
        (method.upper(), with_values(path), {**operation, "path": path})
        for path, item in answer.body["paths"].items()
        for method, operation in item.items()
    ]


async def test_it_is_served_to_anybody_as_it_lies_in_docs(
    stage: QueryStage, pytestconfig: pytest.Config
) -> None:
    served = (await stage.ask("GET", "/openapi.json", key=None)).body
    assert served == json.loads((pytestconfig.rootpath / "docs" / "openapi.json").read_text())


async def test_the_page_names_every_operation_and_loads_nothing(stage: QueryStage) -> None:
    answer = await stage.get("/docs", key=None)
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]  # type: ignore[index,call-overload]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    for method, _, says in await operations(stage):
        assert f"{method}</b> <code>{says['path']}</code>" in answer.body.decode()


async def test_exactly_the_parameters_it_names_are_known(stage: QueryStage) -> None:
    for method, path, says in await operations(stage):
        if says["path"] in OPEN:
            continue
        answer = await stage.ask(method, f"{path}?nobody=knows", {} if method != "GET" else None)
        assert answer.status == 400, (method, path, answer.body)
        known = KNOWN.search(answer.body["detail"])
        assert known, (method, path, answer.body)
        named = sorted(p["name"] for p in says["parameters"] if p["in"] == "query")
        assert known[1] == (", ".join(named) or "none"), (method, path)


async def test_who_has_no_key_or_not_its_scope_is_refused(stage: QueryStage) -> None:
    for method, path, says in await operations(stage):
        if not says["security"] or {} in says["security"]:
            continue
        (scope,) = says["security"][0]["apiKey"]
        assert (await stage.ask(method, path, key=None)).status == 401, (method, path)
        if scope != "read":
            assert (await stage.ask(method, path, key="reader")).status == 403, (method, path)
