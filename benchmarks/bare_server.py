"""Runs bare_aiohttp.py as a process of its own, for as long as a benchmark needs it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from atoll.local.engine_errors import NotReadyError
from atoll.local.guard import Guard
from atoll.local.ports import LOOPBACK, any_free_port
from atoll.local.process import ManagedProcess
from atoll.local.process_spec import ProcessSpec, child_environment
from benchmarks import bare_aiohttp


@asynccontextmanager
async def bare_server(directory: Path, what: Literal["files", "answer"], path: Path) -> AsyncIterator[int]:
    """The port of a bare server; `directory` is for what it writes, which is nothing but a log."""
    port = any_free_port()
    directory.mkdir(exist_ok=True)

    async def answers() -> None:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError as error:
            raise NotReadyError(repr(error)) from error
        writer.close()

    spec = ProcessSpec(
        name="bare aiohttp",
        argv=(sys.executable, str(Path(bare_aiohttp.__file__).resolve()), str(port), what, str(path)),
        env=child_environment({}, directory),
        cwd=directory,
        health=answers,
        log=directory / "bare.log",
        restart=False,
    )
    async with Guard(directory) as guard:
        managed = ManagedProcess(spec, guard)
        await managed.start()
        try:
            yield port
        finally:
            await managed.stop()
