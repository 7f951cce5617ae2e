"""Aiohttp's own FileResponse on uvloop: opens the file anew for each request."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from benchmarks.bare_server import bare_server
from benchmarks.peer import Peer, Running, always_there


def _serve(directory: Path, files: Path) -> AbstractAsyncContextManager[Running]:
    return bare_server(directory, "files", files)


PEER = Peer(
    "aiohttp FileResponse",
    "aiohttp's own FileResponse on uvloop: opens the file anew for each request",
    always_there,
    _serve,
)
