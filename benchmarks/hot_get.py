"""Hot GETs of 8 KB and 80 KB from one node's process, against aiohttp's FileResponse on the same files."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import shutil
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from atoll.ids import new_id
from atoll.local.ports import LOOPBACK
from atoll.node_api import AssetView
from benchmarks.ask import Answer, Asker
from benchmarks.bare_server import bare_server
from benchmarks.context import Context
from benchmarks.lean_client import Request
from benchmarks.load import CONNECTIONS, Load, client, load
from benchmarks.one_node import OneNode, one_node
from benchmarks.pictures import jpeg_80k, soft_noise
from benchmarks.public_bucket import make_bucket_public
from benchmarks.result import Mark, Result, Series, ratio

SECONDS = 2.0  # of load, a round and server
WANTED = 6.0
_KNOWN_SECONDS, _ASK_AGAIN_SECONDS = 20.0, 0.05


class _Blob(NamedTuple):
    """One picture: how it is called in the table, and where both servers have it."""

    name: str
    size: int
    sha256: str
    path: str
    bare: str


async def run(ctx: Context) -> Result:
    """Upload both pictures, give the peer the node's own files, and measure in turn."""
    rng = random.Random(3)
    series: list[Series] = []
    marks: list[Mark] = []
    files = ctx.directory / "files"
    files.mkdir()
    async with (
        one_node(ctx.directory / "node") as node,
        bare_server(ctx.directory / "bare", "files", files) as peer,
    ):
        await make_bucket_public(node, ctx.directory / "node")
        for name, body in (("8 KB", _jpeg_8k(rng)), ("80 KB", jpeg_80k(rng))):
            blob = await _place(node, peer, name, body, files)
            ours, theirs = await ctx.alternate(
                partial(_load, ctx, node.port, blob.path), partial(_load, ctx, peer, blob.bare)
            )
            found, mark = _compare(blob, ours, theirs)
            series += found
            marks.append(mark)
    notes = (
        f"{CONNECTIONS} keep-alive connections; client: {client()}. Both are one process, aiohttp on uvloop.",
        "The node serves from memory, after it has verified the bytes; FileResponse opens the node's own file"
        " anew for each request, in the page cache, and verifies nothing.",
    )
    return Result("Hot GET against aiohttp's FileResponse", tuple(series), tuple(marks), notes)


async def _load(ctx: Context, port: int, path: str, round_: int) -> Load:
    return await load(ctx.directory, port, [_get(path)], SECONDS)


def _jpeg_8k(rng: random.Random) -> bytes:
    out = io.BytesIO()
    soft_noise(208, 156, rng).save(out, "JPEG", quality=78)
    return out.getvalue()


async def _place(node: OneNode, peer: int, name: str, body: bytes, files: Path) -> _Blob:
    """Upload a picture, show the node's file of it to the peer, and see that both give it right."""
    asker = Asker()
    (request,) = node.uploads([body])
    view = msgspec.json.decode((await asker.ask(node.port, request)).body, type=AssetView)
    (file,) = node.data.glob(f"blobs/*/*/*/{view.sha256}.*")
    bare = f"{new_id()}{file.suffix}"
    try:
        (files / bare).hardlink_to(file)
    except OSError:  # no hard links here: a copy of the same bytes is as good
        shutil.copy(file, files / bare)
    for port, path in ((node.port, view.path), (peer, f"/{bare}")):
        async with asyncio.timeout(_KNOWN_SECONDS):
            # The node may not have heard of the bucket yet.
            while not _is_right(await asker.ask(port, _get(path)), view.sha256):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
    asker.close()
    return _Blob(name, len(body), view.sha256, view.path, f"/{bare}")


def _is_right(answer: Answer, sha256: str) -> bool:
    return answer.status == 200 and hashlib.sha256(answer.body).hexdigest() == sha256


def _get(path: str) -> Request:
    return Request(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode())


def _compare(blob: _Blob, ours: list[Load], theirs: list[Load]) -> tuple[list[Series], Mark]:
    def of(name: str, unit: str, loads: list[Load], field: str) -> Series:
        return Series(f"{name}, {blob.name}", unit, tuple(getattr(each, field) for each in loads))

    rates = [each.rate for each in ours]
    ratios = ratio(f"node to FileResponse, {blob.name}", rates, [each.rate for each in theirs])
    series = [
        of("node", "/s", ours, "rate"),
        of("FileResponse", "/s", theirs, "rate"),
        ratios,
        of("node p50", "ms", ours, "p50_ms"),
        of("node p99", "ms", ours, "p99_ms"),
        of("FileResponse p50", "ms", theirs, "p50_ms"),
        of("FileResponse p99", "ms", theirs, "p99_ms"),
    ]
    return series, Mark(f"ratio, {blob.name}", ratios.median, WANTED, values=ratios.values)
