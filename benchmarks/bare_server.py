"""Runs bare_aiohttp.py or bare_loop.py as a process of its own, for as long as a benchmark needs it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Literal

from atoll.local.engine_errors import NotReadyError
from atoll.local.ports import LOOPBACK, any_free_port
from atoll.local.process_spec import ProcessSpec, child_environment
from benchmarks import bare_aiohttp, bare_loop, cores
from benchmarks.peer import Running, running

What = Literal["files", "answer", "handler", "low", "loop"]


@asynccontextmanager
async def bare_server(
    directory: Path, what: What, path: Path, port: int | None = None, core: int | None = None
) -> AsyncIterator[Running]:
    """A bare server; `directory` is for what it writes, which is nothing but a log.

    `port`: one that "low" servers share; `core`: the one it keeps to.
    """
    port = port or any_free_port()
    directory.mkdir(parents=True, exist_ok=True)
    program: ModuleType = bare_loop if what == "loop" else bare_aiohttp
    argv = [sys.executable, str(Path(str(program.__file__)).resolve()), str(port), what, str(path)]
    spec = ProcessSpec(
        name=f"bare {what}",
        argv=tuple(cores.on_core(core, argv)),
        env=child_environment({}, directory),
        cwd=directory,
        health=lambda: answers(port),
        log=directory / "bare.log",
        restart=False,
    )
    async with running(directory, spec, port) as found:
        yield found


async def answers(port: int) -> None:
    """Returns when somebody listens; `NotReadyError`."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError as error:
        raise NotReadyError(repr(error)) from error
    writer.close()
