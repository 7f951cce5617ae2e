"""One bare server, and two that share a port: what a second process brings on this machine, whoever serves.

The control of workers.py. aiohttp's low-level server answers the same bytes from memory, and its processes
share nothing at all; each keeps to a core of its own, as the node's do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from atoll.local.ports import any_free_port
from benchmarks.bare_server import bare_server


class Servers(NamedTuple):
    """They answer on one `port`; the kernel deals connections out among them (SO_REUSEPORT)."""

    port: int
    processes: tuple[psutil.Process, ...]


@asynccontextmanager
async def bare_servers(directory: Path, files: Path, cores: Sequence[int]) -> AsyncIterator[Servers]:
    """One on each of `cores`; GET /NAME gives the bytes of NAME in `files`."""
    port = any_free_port()
    async with AsyncExitStack() as stack:
        processes = []
        for core in cores:
            place = directory / f"core-{core}"
            running = await stack.enter_async_context(bare_server(place, "low", files, port, core))
            processes.append(running.process)
        yield Servers(port, tuple(processes))
