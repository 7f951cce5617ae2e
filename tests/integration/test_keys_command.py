"""`atoll key`, `atoll signing-key` and `atoll audit` against a running service, as people type them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import QueryStage, query_stage, write_secret

from atoll.delivery_keys import read_key

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

Command = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    with EngineThread(tmp_path_factory.mktemp("command-engines")) as engines:
        async with query_stage(tmp_path_factory.mktemp("command"), engines.urls, "command_test") as ready:
            yield ready


@pytest.fixture
def atoll(stage: QueryStage, tmp_path: Path) -> Command:
    key = write_secret(tmp_path / "key", stage.api_keys["admin"])
    told = {"ATOLL_URL": stage.url, "ATOLL_API_KEY_FILE": str(key)}

    async def command(*words: str, code: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "atoll.cli", *words, cwd=tmp_path, env={**os.environ, **told},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, problem = await process.communicate()
        assert process.returncode == code, problem.decode()
        return out.decode()

    return command


async def test_a_key_is_made_used_rotated_and_revoked(stage: QueryStage, atoll: Command) -> None:
    made = await atoll("key", "create", "shop", "--scope", "read", "--bucket", "photos", "--expires", "90d")
    name, secret = made.strip().split("\t")
    assert name == "shop"
    stage.api_keys["shop"] = secret
    assert (await stage.get("/v1/nodes", key="shop")).status == 200
    rotated = json.loads(await atoll("key", "rotate", "shop", "--overlap", "1h", "--json"))
    stage.api_keys["shop-2"] = rotated["secret"]
    assert (await stage.get("/v1/nodes", key="shop")).status == 200
    listed = await atoll("key", "ls")
    assert "shop\tactive\tread\tphotos\t" in listed
    assert secret not in listed
    assert await atoll("key", "revoke", "shop") == "revoked\tshop\n"
    for known in ("shop", "shop-2"):
        assert (await stage.get("/v1/nodes", key=known)).status == 401
    await atoll("key", "create", "late", "--scope", "read", "--expires", "soon", code=2)


async def test_a_signing_key_is_made_and_revoked(atoll: Command) -> None:
    made = json.loads(await atoll("signing-key", "create", "partner", "--json"))
    assert read_key(made["secret"]).id == "partner"
    assert await atoll("signing-key", "retire", "partner") == "retired\tpartner\n"
    assert await atoll("signing-key", "revoke", "partner") == "revoked\tpartner\n"
    assert "partner\tpartner\trevoked\t-" in await atoll("signing-key", "ls")


async def test_the_record_is_shown(stage: QueryStage, atoll: Command) -> None:
    await stage.ask("PUT", "/v1/buckets/shown", {"visibility": "private"})
    record = json.loads((await atoll("audit", "--limit", "1", "--json")).strip())
    assert (record["path"], record["key"]) == ("/v1/buckets/shown", "admin")
    assert "PUT /v1/buckets/shown\tok" in await atoll("audit")
