"""The peer of uploads over HTTP: aiohttp's low-level server that takes a picture, decodes and writes it.

    python bare_uploads.py PORT uploads DIRECTORY

PUT /BUCKET/… hashes the body, decodes it and makes it durable below DIRECTORY/BUCKET, in one trip to one of
16 threads. It decodes in its own process, where hostile bytes could end it, asks for no ticket, and keeps no
index, no placeholder and no event. Run as a program, by `bare_server`.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import uvloop
from aiohttp import web
from aiohttp.web_request import BaseRequest

from benchmarks.bare_aiohttp import serve_low
from benchmarks.bare_files import THREADS, BareLoop
from benchmarks.lean_client import Request
from benchmarks.pictures import Picture


def request(picture: Picture, bucket: str) -> Request:
    """What such a server is sent."""
    lines = (
        f"PUT /{bucket}/x HTTP/1.1",
        "Host: peer",
        "Content-Type: image/jpeg",
        f"Content-Length: {len(picture.body)}",
    )
    return Request(("\r\n".join(lines) + "\r\n\r\n").encode(), picture.body)


async def serve(port: int, directory: Path) -> None:
    """Take uploads until killed."""
    threads = ThreadPoolExecutor(THREADS)

    @cache
    def files(bucket: str) -> BareLoop:
        return BareLoop(directory / bucket)

    def keep(bucket: str, body: bytes) -> None:
        files(bucket).decode_and_write(Picture(body, hashlib.sha256(body).hexdigest()))

    async def handle(asked: BaseRequest) -> web.Response:
        body = await asked.read()
        await asyncio.get_running_loop().run_in_executor(threads, keep, asked.path.split("/")[1], body)
        return web.Response(status=201)

    await serve_low(handle, port)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[3])))
