"""GETs of blobs that are in no memory: read, checked against their names, sent. Against a bare loop.

A node without memory for hot blobs, so that each request reads and hashes; each blob is asked for once a
round. The loop has the node's own files.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import cores, peer
from benchmarks.context import Context
from benchmarks.derivatives import get, stored
from benchmarks.lean_client import Request, percentile, send_all
from benchmarks.load import CONNECTIONS, Load, rates_of
from benchmarks.one_node import OneNode, one_node
from benchmarks.page_cache import forget
from benchmarks.peer import Running
from benchmarks.pictures import Pictures
from benchmarks.public_bucket import make_bucket_public
from benchmarks.result import Mark, Result, ratio

BLOBS, QUICK_BLOBS = 2000, 300
WANTED = 0.5
_PEER = "read_loop"


class _Files(NamedTuple):
    """What is asked for, on the node and on the peer, and the files behind both."""

    ours: list[Request]
    theirs: list[Request]
    paths: list[Path]


async def run(ctx: Context) -> Result:
    """Upload many, and read each in turn."""
    bare = peer.file_servers()[_PEER]
    pictures = Pictures(random.Random(6))
    async with one_node(ctx.directory / "node", {"ram_cache_bytes": 0}) as node:
        await make_bucket_public(node, ctx.directory / "node")
        ctx.say("uploading")
        files = await _files(ctx, node, pictures)
        async with bare.serve(ctx.directory / "bare", ctx.directory / "files") as loop:
            for server in (Running(node.port, node.process), loop):
                cores.on_server_core(server.process)
            ours, theirs = await ctx.alternate(
                partial(_load, node.port, files.ours, files.paths),
                partial(_load, loop.port, files.theirs, files.paths),
            )
    compared = ratio("node to bare loop", [each.rate for each in ours], [each.rate for each in theirs])
    series = (*rates_of("node", ours), *rates_of("bare loop", theirs), compared)
    mark = Mark("ratio", compared.median, WANTED, "×", values=compared.values)
    return Result("Cold GET of verified blobs of 80 KB", series, (mark,), _notes(len(files.ours), bare))


async def _files(ctx: Context, node: OneNode, pictures: Pictures) -> _Files:
    """Upload, and show the node's files to the peer under their own names."""
    names = ctx.directory / "files"
    names.mkdir()
    views = [each.view for each in await stored(node, [p.body for p in pictures.take(_number(ctx))])]
    paths = []
    for view in views:
        (path,) = node.data.glob(f"blobs/*/{view.sha256[:2]}/{view.sha256[2:4]}/{view.sha256}.*")
        (names / path.name).symlink_to(path)
        paths.append(path)
    return _Files([get(view.path) for view in views], [get(f"/{path.name}") for path in paths], paths)


def _number(ctx: Context) -> int:
    return QUICK_BLOBS if ctx.quick else BLOBS


async def _load(port: int, requests: Sequence[Request], paths: Sequence[Path], round_: int) -> Load:
    """Each once, from the disk as far as the system lets go of what it has cached."""
    for path in paths:
        forget(path)
    shuffled = random.Random(round_).sample(list(requests), len(requests))
    with cores.asking():
        run = await send_all(port, shuffled, CONNECTIONS, b"200")
    p50, p99 = (percentile(run.waits, share) * 1000 for share in (0.5, 0.99))
    return Load(len(shuffled) / run.seconds, p50, p99)


def _notes(number: int, bare: peer.Peer) -> tuple[str, ...]:
    return (
        f"{number:,} JPEGs, each asked for once a round in an order of its own, over {CONNECTIONS} keep-alive"
        f" connections, after the system was told to forget their pages. {cores.said()}",
        "The node has no memory for hot blobs here (`ram_cache_bytes = 0`): each request is a look into the"
        " index, a read, a SHA-256 over all bytes, and an answer.",
        f"The peer: {bare.about}.",
    )
