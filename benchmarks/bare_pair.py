"""Bare servers that share a port and nothing else: what several processes bring here, whoever serves.

The control of workers.py (aiohttp's low-level server with the same bytes in memory, each process on a core of
its own, as the node's are) and of upload_workers.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from atoll.local.ports import any_free_port
from benchmarks.bare_server import bare_server


class Servers(NamedTuple):
    """They answer on one `port`; the kernel deals connections out among them (SO_REUSEPORT)."""

    port: int
    processes: tuple[psutil.Process, ...]


@asynccontextmanager
async def bare_servers(
    directory: Path, what: Literal["low", "uploads"], files: Path, cores: Sequence[int | None]
) -> AsyncIterator[Servers]:
    """One on each of `cores` (None: on any), as bare_aiohttp.py or bare_uploads.py says."""
    port = any_free_port()
    async with AsyncExitStack() as stack:
        processes = []
        for number, core in enumerate(cores):
            place = directory / f"server-{number}"
            running = await stack.enter_async_context(bare_server(place, what, files, port, core))
            processes.append(running.process)
        yield Servers(port, tuple(processes))
