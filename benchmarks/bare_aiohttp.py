"""The peer of what is measured over HTTP: aiohttp on uvloop and nothing else, one process.

    python bare_aiohttp.py PORT files DIRECTORY     every file of a directory, by aiohttp's own FileResponse
    python bare_aiohttp.py PORT handler DIRECTORY   the same from memory, by a handler behind the router
    python bare_aiohttp.py PORT low DIRECTORY       the same by the low-level server, without router
    python bare_aiohttp.py PORT answer FILE         the file's bytes, read once, for every path, as JSON

Files in memory are read at the first request for them. Run as a program, by `bare_server`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from aiohttp import web
from aiohttp.web_request import BaseRequest


def files(directory: Path) -> web.Application:
    """An application that serves files."""

    async def handle(request: web.Request) -> web.FileResponse:
        return web.FileResponse(directory / request.match_info["name"])

    app = web.Application()
    app.router.add_get("/{name}", handle)
    return app


def handler(directory: Path) -> web.Application:
    """An application that serves them from memory."""
    bodies = _Bodies(directory)

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=bodies["/" + request.match_info["name"]], content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/{name}", handle)
    return app


def answer(file: Path) -> web.Application:
    """An application that always answers the same."""
    body = file.read_bytes()

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    return app


async def low(directory: Path, port: int) -> None:
    """Serve files from memory with `web.Server`, until killed."""
    bodies = _Bodies(directory)

    async def handle(request: BaseRequest) -> web.Response:
        return web.Response(body=bodies[request.path], content_type="image/jpeg")

    await serve_low(handle, port)


async def serve_low(handle: Callable[[BaseRequest], Awaitable[web.Response]], port: int) -> None:
    """Answer by `handle` behind no router, until killed."""
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.SockSite(runner, _shared(port), backlog=1024).start()
    await asyncio.Event().wait()


def _shared(port: int) -> socket.socket:
    """Several may share the port (bare_pair.py); who keeps to one core prefers the connections made there."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(cores) == 1 and hasattr(socket, "SO_INCOMING_CPU"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_INCOMING_CPU, *cores)
    sock.bind(("127.0.0.1", port))
    return sock


class _Bodies(dict[str, bytes]):
    """The bytes by URL path."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def __missing__(self, path: str) -> bytes:
        body = self[path] = (self._directory / Path(path).name).read_bytes()
        return body


def main() -> None:
    """The command line."""
    port, what, path = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    if what == "low":
        uvloop.run(low(path, port))
        return
    app = {"files": files, "handler": handler, "answer": answer}[what](path)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
