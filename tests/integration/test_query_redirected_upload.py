"""POST /v1/assets with real clients: the answer comes before the body, and the body goes to the node."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import QueryStage, query_stage

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
MIB = 2**20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    """Engines, nodes and the service, for all tests of this module."""
    with EngineThread(tmp_path_factory.mktemp("query-engines")) as engines:
        async with query_stage(tmp_path_factory.mktemp("query"), engines.urls, "atoll_test") as running:
            yield running


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sent as an image, and large enough that no buffer on the way holds it."""
    path = tmp_path_factory.mktemp("files") / "large.jpg"
    path.write_bytes(bytes(range(256)) * (32 * MIB // 256))
    return path


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def curl(stage: QueryStage, *options: str, query: str = "bucket=photos") -> Any:
    """What the node answered; curl itself must have been content."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--fail-with-body", "--max-time", "60", "-L",
        "-H", f"Authorization: Bearer {stage.api_keys['writer']}", *options,
        f"{stage.url}/v1/assets?{query}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, (out, err)
    return json.loads(out)


@needs_curl
@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
@pytest.mark.parametrize("form", ["-F", "--data-binary"])
async def test_curl_follows_with_a_large_body(
    stage: QueryStage, picture: Path, form: str, expect: str
) -> None:
    body = f"file=@{picture}" if form == "-F" else f"@{picture}"
    told = await curl(stage, form, body, "-H", expect)
    assert told["method"] == "POST"
    assert told["sha256"] == [sha256_of(picture)]
    assert told["key"] is False


@needs_curl
async def test_curl_follows_with_a_small_body_and_with_several_files(
    stage: QueryStage, tmp_path: Path
) -> None:
    small = tmp_path / "small.jpg"
    small.write_bytes(b"small")
    assert (await curl(stage, "--data-binary", f"@{small}"))["sha256"] == [sha256_of(small)]
    two = ("-F", f"file=@{small}", "-F", f"file=@{small}")
    told = await curl(stage, *two, query="bucket=photos&files=2")
    assert told["sha256"] == [sha256_of(small)] * 2


async def _raw(
    stage: QueryStage, *headers: str, key: str | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.settings.listen_port)
    lines = (
        "POST /v1/assets?bucket=photos HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {key or stage.api_keys['writer']}",
        *headers,
    )
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return reader, writer


async def test_a_client_that_waits_is_not_told_to_go_on(stage: QueryStage) -> None:
    reader, writer = await _raw(stage, "Content-Length: 1000000000", "Expect: 100-continue")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 307 ")
    assert b"Connection: close" in head
    writer.close()


@pytest.mark.parametrize("length", ["Content-Length: 1000000000", "Transfer-Encoding: chunked"])
async def test_the_answer_comes_though_the_body_never_ends(stage: QueryStage, length: str) -> None:
    reader, writer = await _raw(stage, length)
    writer.write(b"a0\r\n" + b"x" * 100)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 307 ")
    writer.close()


async def test_a_client_that_is_refused_is_not_told_to_go_on_either(stage: QueryStage) -> None:
    reader, writer = await _raw(stage, "Content-Length: 1000000000", "Expect: 100-continue", key="wrong")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_json_is_waited_for_by_those_who_ask_first(stage: QueryStage) -> None:
    body = b'{"bucket":"photos"}'
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.settings.listen_port)
    writer.write(
        b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        + f"Authorization: Bearer {stage.api_keys['writer']}\r\n".encode()
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
    )
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).startswith(b"HTTP/1.1 201 ")
    writer.close()
