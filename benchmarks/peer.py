"""What a peer is: somebody else's way of doing what Atoll does, run beside it in the same minutes.

A peer is one small file in `peers/` with a `PEER` in it; `file_servers` finds them all. One that is not
installed here says why, and is shown as absent: never left out without a word.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from atoll.local.guard import Guard
from atoll.local.process import ManagedProcess
from atoll.local.process_spec import ProcessSpec
from benchmarks import peers


class Running(NamedTuple):
    """A server that answers on `port`; `process` is its first one, the others are below it."""

    port: int
    process: psutil.Process


class Peer(NamedTuple):
    """A server of the files of one directory: GET /NAME gives the bytes of NAME.

    `absent` says why it cannot run here, None when it can. `serve` is given a directory for what it writes,
    and that of the files.
    """

    name: str
    about: str
    absent: Callable[[], str | None]
    serve: Callable[[Path, Path], AbstractAsyncContextManager[Running]]


def always_there() -> None:
    """`absent` of what comes with Atoll."""
    return


def file_servers() -> dict[str, Peer]:
    """By the name of their file."""
    modules = {
        found.name: importlib.import_module(f"{peers.__name__}.{found.name}")
        for found in pkgutil.iter_modules(peers.__path__)
    }
    return {name: module.PEER for name, module in modules.items() if hasattr(module, "PEER")}


@asynccontextmanager
async def running(directory: Path, spec: ProcessSpec, port: int) -> AsyncIterator[Running]:
    """A process for as long as the context lasts."""
    async with Guard(directory) as guard:
        managed = ManagedProcess(spec, guard)
        await managed.start()
        try:
            pid = managed.status.pid
            assert pid is not None
            yield Running(port, psutil.Process(pid))
        finally:
            await managed.stop()
