"""The peer of what is measured over HTTP: aiohttp on uvloop and nothing else, one process.

    python bare_aiohttp.py PORT files DIRECTORY   every file of a directory, by aiohttp's own FileResponse
    python bare_aiohttp.py PORT answer FILE       the file's bytes, read once, for every path, as JSON

Run as a program, by `bare_server`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvloop
from aiohttp import web


def files(directory: Path) -> web.Application:
    """An application that serves files."""

    async def handle(request: web.Request) -> web.FileResponse:
        return web.FileResponse(directory / request.match_info["name"])

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


def main() -> None:
    """The command line."""
    port, what, path = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    app = files(path) if what == "files" else answer(path)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
