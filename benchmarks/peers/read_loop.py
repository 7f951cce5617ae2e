"""A loop that reads, hashes and sends each file: no HTTP server, no index, no threads."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from benchmarks.bare_server import bare_server
from benchmarks.peer import Peer, Running, always_there


def _serve(directory: Path, files: Path) -> AbstractAsyncContextManager[Running]:
    return bare_server(directory, "loop", files)


PEER = Peer(
    "bare loop",
    "a loop that reads, hashes and sends each file: no HTTP server, no index, no threads",
    always_there,
    _serve,
)
