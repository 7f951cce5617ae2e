"""The peer of verified reads: a loop that reads a file, hashes it, and sends it. No HTTP server, no index.

    python bare_loop.py PORT loop DIRECTORY

One thread, which blocks while it reads and hashes: where files are in the page cache nothing does the same
work in less time on one core. Of HTTP there is just enough to be asked by the same client. Run as a program,
by `bare_server`.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path
from typing import cast

import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, directory: str) -> None:
        self._directory = directory

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        name = data.split(b" ", 2)[1].rpartition(b"/")[2].decode()
        with open(f"{self._directory}/{name}", "rb", buffering=0) as file:
            body = file.read()
        if hashlib.sha256(body).hexdigest() != name.partition(".")[0]:
            self._transport.abort()
            return
        self._transport.writelines((_HEAD % len(body), body))


async def _serve(port: int, directory: Path) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(str(directory)), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """The command line."""
    uvloop.run(_serve(int(sys.argv[1]), Path(sys.argv[3])))


if __name__ == "__main__":
    main()
