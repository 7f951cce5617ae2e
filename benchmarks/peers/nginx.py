"""Nginx, one worker process, with the files on disk: `sendfile`, no access log, nothing verified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from atoll.local.ports import LOOPBACK, any_free_port
from benchmarks.nginx_process import missing, nginx
from benchmarks.peer import Peer, Running

_SITE = """
server {{
    listen {address}:{port} backlog=1024;
    root "{files}";
    types {{ image/jpeg jpg; image/png png; image/avif avif; }}
}}
"""


@asynccontextmanager
async def _serve(directory: Path, files: Path) -> AsyncIterator[Running]:
    port = any_free_port()
    async with nginx(directory, _SITE.format(address=LOOPBACK, port=port, files=files), port) as found:
        yield found


PEER = Peer("nginx", "nginx with one worker process, on the same files", missing, _serve)
