"""Hot GETs from one node's process, of blobs and of derivatives, against whoever else serves such bytes.

Peers are found in `peers/`. Each has the very bytes, and a core of its own while it is asked.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import cores, peer
from benchmarks.ask import Asker
from benchmarks.context import Context
from benchmarks.derivatives import ask, get, stored
from benchmarks.load import CONNECTIONS, Load, client, load, rates_of
from benchmarks.one_node import OneNode, one_node
from benchmarks.peer import Running
from benchmarks.pictures import jpeg_8k, jpeg_80k
from benchmarks.public_bucket import make_bucket_public
from benchmarks.result import Absent, Mark, Result, Series, ratio

SECONDS = 2.0  # of load, a round and server
NODE = "node"
_DERIVED = {
    "derivative of 8 KB": "c_fit,h_208,w_208/f_jpg,q_78",
    "derivative of 80 KB": "c_fit,w_640/f_jpg,q_80",
}


class _Against(NamedTuple):
    """A peer by the name of its file, what ratio is wanted, and of what it is asked: blobs only, or all."""

    file: str
    wanted: float | None
    derivatives: bool


_PEERS = (
    _Against("low_level", 0.7, derivatives=True),
    _Against("nginx", 0.22, derivatives=True),
    _Against("file_response", 6.0, derivatives=False),
    _Against("handler", None, derivatives=False),
)


class _Target(NamedTuple):
    """Some bytes: how they are called in the table, their path on the node and on a peer."""

    name: str
    size: int
    path: str
    file: str

    @property
    def is_derived(self) -> bool:
        return self.name in _DERIVED


async def run(ctx: Context) -> Result:
    """Upload, have derivatives made, give the peers the same bytes, and measure in turn."""
    files = ctx.directory / "files"
    files.mkdir()
    known = peer.file_servers()
    absent = {each.file: why for each in _PEERS if (why := known[each.file].absent())}
    series: list[Series] = []
    marks: list[Mark] = []
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(one_node(ctx.directory / "node"))
        await make_bucket_public(node, ctx.directory / "node", any_derivative=True)
        targets = await _targets(node, files)
        servers = {NODE: Running(node.port, node.process)}
        for each in _PEERS:
            if each.file not in absent:
                serving = known[each.file].serve(ctx.directory / each.file, files)
                servers[each.file] = await stack.enter_async_context(serving)
        for server in servers.values():
            cores.on_server_core(server.process)
        for target in targets:
            found = await _measure(ctx, target, servers)
            more, judged = _compare(target, found, {name: each.name for name, each in known.items()})
            series += more
            marks += judged
    gone = tuple(Absent(known[file].name, why) for file, why in absent.items())
    return Result("Hot GET", tuple(series), tuple(marks), _notes(known), absent=gone)


async def _targets(node: OneNode, files: Path) -> list[_Target]:
    """Two blobs and two derivatives, asked for once; the same bytes in `files`."""
    rng = random.Random(3)
    small, large = await stored(node, [jpeg_8k(rng), jpeg_80k(rng)])
    paths = {"blob of 8 KB": small.path, "blob of 80 KB": large.path}
    paths |= {name: large.derived(transformation) for name, transformation in _DERIVED.items()}
    asker = Asker()
    found = []
    for name, path in paths.items():
        answer = await ask(asker, node.port, path)
        if answer.status != 200:
            raise RuntimeError(f"{name}: {answer}")
        file = f"{name.replace(' ', '-')}.jpg"
        (files / file).write_bytes(answer.body)
        found.append(_Target(name, len(answer.body), path, f"/{file}"))
    asker.close()
    return found


async def _measure(ctx: Context, target: _Target, servers: Mapping[str, Running]) -> dict[str, list[Load]]:
    derived = {each.file for each in _PEERS if each.derivatives} | {NODE}
    asked = [name for name in servers if not target.is_derived or name in derived]
    ctx.say(target.name)
    return await ctx.in_turn(
        {
            name: partial(_load, ctx, servers[name].port, target.path if name == NODE else target.file)
            for name in asked
        }
    )


async def _load(ctx: Context, port: int, path: str, round_: int) -> Load:
    return await load(ctx.directory, port, [get(path)], SECONDS)


def _compare(
    target: _Target, found: Mapping[str, list[Load]], names: Mapping[str, str]
) -> tuple[list[Series], list[Mark]]:
    ours = [each.rate for each in found[NODE]]
    series = list(rates_of(f"{target.name}: {NODE}", found[NODE]))
    marks = []
    for against in _PEERS:
        if against.file not in found:
            continue
        peers = found[against.file]
        name = f"{target.name}: {names[against.file]}"
        compared = ratio(f"{target.name}: node to {names[against.file]}", ours, [p.rate for p in peers])
        series += [*rates_of(name, peers), compared]
        if against.wanted is not None:
            marks.append(Mark(compared.name, compared.median, against.wanted, "×", values=compared.values))
    return series, marks


def _notes(known: Mapping[str, peer.Peer]) -> tuple[str, ...]:
    listed = "; ".join(f"{known[each.file].name}: {known[each.file].about}" for each in _PEERS)
    return (
        f"{CONNECTIONS} keep-alive connections; client: {client()}. {cores.said()}",
        "The node serves from memory what it has verified. Nobody else verifies anything.",
        f"Peers, with the very bytes: {listed}.",
        "Where the client's core is the busier one (nginx), the peer could do more than is measured.",
    )
