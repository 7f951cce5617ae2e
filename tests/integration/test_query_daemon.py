"""The query service as a process: its command line, its start without engines, its orderly end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from own_nats import OwnNats
from query_stage import until, write_api_keys, write_secret

from atoll.local.ports import any_free_port

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def settings_file(directory: Path, port: int, **changes: object) -> Path:
    """Settings whose engines are nowhere: nothing listens on port 1."""
    write_api_keys(directory / "api_keys.toml")
    values: dict[str, object] = {
        "name": "query-1",
        "region": "eu",
        "listen_port": port,
        "state_dir": str(directory / "state"),
        "cluster_secret_file": str(write_secret(directory / "secret", b"x" * 32)),
        "api_keys_file": str(directory / "api_keys.toml"),
        "nats_url": "nats://127.0.0.1:1",
        "mongodb_url_file": str(write_secret(directory / "mongodb.url", "mongodb://127.0.0.1:1")),
        "redis_url_file": str(write_secret(directory / "redis.url", "redis://127.0.0.1:1")),
        **changes,
    }
    path = directory / "query.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return path


@asynccontextmanager
async def daemon(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "query_service", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, (out + err).decode()


async def test_settings_are_checked_without_a_start(tmp_path: Path) -> None:
    async with daemon("--check", "--settings", str(settings_file(tmp_path, any_free_port()))) as process:
        assert await ended(process) == (0, "query_service: the settings are usable\n")


async def test_every_mistake_in_the_settings_is_told_at_once(tmp_path: Path) -> None:
    path = settings_file(tmp_path, any_free_port(), ticket_seconds=1, typo=1, mongodb_driver="sql")
    async with daemon("--settings", str(path)) as process:
        code, text = await ended(process)
    assert code == 2
    for name in ("ticket_seconds", "typo", "mongodb_driver"):
        assert f"- {name}: " in text


@pytest.mark.parametrize("secret", ["secret", "mongodb.url", "redis.url", "api_keys.toml"])
async def test_it_does_not_start_without_its_secrets(tmp_path: Path, secret: str) -> None:
    path = settings_file(tmp_path, any_free_port())
    (tmp_path / secret).unlink()
    async with daemon("--settings", str(path)) as process:
        code, text = await ended(process)
    assert code == 2
    assert secret in text
    assert "Traceback" not in text


async def test_it_does_not_start_with_secrets_that_others_can_read(tmp_path: Path) -> None:
    path = settings_file(tmp_path, any_free_port())
    (tmp_path / "mongodb.url").chmod(0o644)
    async with daemon("--settings", str(path)) as process:
        code, text = await ended(process)
    assert (code, "chmod 600" in text) == (2, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_starts_without_any_engine_and_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    port = any_free_port()
    async with (
        daemon("--settings", str(settings_file(tmp_path, port))) as process,
        aiohttp.ClientSession() as s,
    ):

        async def serving() -> bool:
            assert process.returncode is None
            try:
                async with s.get(f"http://127.0.0.1:{port}/health") as response:
                    return response.status == 200
            except aiohttp.ClientConnectorError:
                return False

        await until(serving, "it serves")
        process.send_signal(number)
        code, text = await ended(process)
    assert code == 0
    assert "Traceback" not in text
    assert all(json.loads(line)["daemon"] == "query_service/query-1" for line in text.splitlines())


async def test_a_nats_that_hangs_is_away_though_its_connection_stands(tmp_path: Path) -> None:
    port, server = any_free_port(), OwnNats(tmp_path)
    server.start()
    file = settings_file(tmp_path, port, nats_url=server.url)
    try:
        async with daemon("--settings", str(file)), aiohttp.ClientSession() as session:

            async def seen(wanted: bool) -> bool:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/health") as response:
                        return (await response.json())["engines"]["nats"] is wanted
                except aiohttp.ClientConnectorError:
                    return False

            await until(lambda: seen(True), "it sees NATS")
            server.hang()
            await until(lambda: seen(False), "it notices that nothing comes")
            server.go_on()
            await until(lambda: seen(True), "it sees NATS again")
    finally:
        server.go_on()
        server.kill()
