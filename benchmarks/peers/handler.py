"""A handler behind aiohttp's router, with the bytes in memory."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from benchmarks.bare_server import bare_server
from benchmarks.peer import Peer, Running, always_there


def _serve(directory: Path, files: Path) -> AbstractAsyncContextManager[Running]:
    return bare_server(directory, "handler", files)


PEER = Peer(
    "aiohttp handler",
    "a handler behind aiohttp's router, with the bytes in memory",
    always_there,
    _serve,
)
