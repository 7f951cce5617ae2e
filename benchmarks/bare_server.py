"""Runs a bare server (bare_aiohttp.py, bare_loop.py, bare_uploads.py) as a process for a benchmark's time."""

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
from benchmarks import bare_aiohttp, bare_loop, bare_uploads, cores
from benchmarks.peer import Running, running

What = Literal["files", "answer", "handler", "low", "loop", "uploads"]
_PROGRAMS: dict[What, ModuleType] = {"loop": bare_loop, "uploads": bare_uploads}


@asynccontextmanager
async def bare_server(
    directory: Path, what: What, path: Path, port: int | None = None, core: int | None = None
) -> AsyncIterator[Running]:
    """A bare server; `directory` is for what it writes, which is nothing but a log.

    `port`: one that "low" and "uploads" servers share; `core`: the one it keeps to.
    """
    port = port or any_free_port()
    directory.mkdir(parents=True, exist_ok=True)
    program = Path(str(_PROGRAMS.get(what, bare_aiohttp).__file__)).resolve()
    argv = [sys.executable, str(program), str(port), what, str(path)]
    spec = ProcessSpec(
        name=f"bare {what}",
        argv=tuple(cores.on_core(core, argv)),
        env={**child_environment({}, directory), "PYTHONPATH": str(program.parent.parent)},
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
