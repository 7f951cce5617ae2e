"""Hot GETs from a node of two processes, against the same node of one.

Each process has a core, and so has each client: one process and one client share the first core, two
processes and two clients the first two. So what is compared is what a second core brings, and not a
client that has more or less of the machine beside it.

What a second core brings at the most, on this machine, two bare servers tell that share nothing
(bare_pair.py): asked for the same bytes by the same clients in the same rounds.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

from atoll.local.ports import LOOPBACK
from benchmarks.ask import Asker
from benchmarks.bare_pair import Servers, bare_servers
from benchmarks.context import Context
from benchmarks.cores import on_core
from benchmarks.derivatives import ask, stored
from benchmarks.load import Load, rates_of
from benchmarks.one_node import OneNode, one_node
from benchmarks.pictures import jpeg_8k, jpeg_80k
from benchmarks.public_bucket import make_bucket_public
from benchmarks.result import Absent, Mark, Result, Series, ratio

PROCESSES = 2
CONNECTIONS = 16  # of each client
SECONDS = 2.0  # of load, a round and node
WANTED = 1.7
_DERIVED = "c_fit,h_208,w_208/f_jpg,q_78"
_WARM = 64  # connections, so that each process has answered
_FIGURE = re.compile(
    r"^\s*(Requests/sec:|50%|99%|Non-2xx)\s*(?:or \S+ responses: )?([\d.]+)(us|ms|s)?", re.MULTILINE
)
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "": 1.0}
_ONE, _TWO, _DEALT = "one process", "two processes", "two processes, connections dealt out"
_BARE_ONE, _BARE_TWO = "one bare server", "two bare servers"
_TITLE = "Hot GET from two processes of a node"


class _Measured(NamedTuple):
    load: Load
    cpu_us: float  # of what serves, an answer


class _Side(NamedTuple):
    """Who is asked: the path of each target there, and the cores of its clients."""

    servers: Servers
    paths: Mapping[str, str]
    cores: list[int]


async def run(ctx: Context) -> Result:
    """All with the same pictures, asked in turn."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    wrk = shutil.which("wrk")
    if wrk is None or len(usable) < PROCESSES:
        why = "wrk is not installed" if wrk is None else f"the machine has {len(usable)} core(s)"
        return Result(_TITLE, (), (), absent=(Absent("one process", why),))
    series: list[Series] = []
    marks: list[Mark] = []
    async with AsyncExitStack() as stack:
        one = await _node(ctx, stack, _ONE, usable[:1])
        two = await _node(ctx, stack, _TWO, usable[:PROCESSES], near_connections=True)
        dealt = await _node(ctx, stack, _DEALT, usable[:PROCESSES])
        bare = await _bare(ctx, stack, one, usable[:PROCESSES])
        sides = {_ONE: one, _TWO: two, _DEALT: dealt, **bare}
        for target in one.paths:
            ctx.say(target)
            asked = {name: partial(_load, wrk, side, target) for name, side in sides.items()}
            more, mark = _judged(target, await ctx.in_turn(asked))
            series += more
            marks.append(mark)
    return Result(_TITLE, tuple(series), tuple(marks), _notes())


async def _node(
    ctx: Context, stack: AsyncExitStack, name: str, cores: list[int], *, near_connections: bool = False
) -> _Side:
    """A process of a node on each core, with all targets in its memory."""
    directory = ctx.directory / name.replace(" ", "-").replace(",", "")
    directory.mkdir()
    settings = {"workers": len(cores), "core": cores[0], "near_connections": near_connections}
    node = await stack.enter_async_context(one_node(directory, settings))
    await make_bucket_public(node, directory, any_derivative=True)
    paths = await _paths(node)
    serving = [child for child in node.process.children() if "storage_node.workers" in child.cmdline()]
    return _Side(Servers(node.port, (node.process, *serving)), paths, cores)


async def _bare(ctx: Context, stack: AsyncExitStack, node: _Side, cores: list[int]) -> dict[str, _Side]:
    """One bare server and two, with what `node` answers."""
    files = ctx.directory / "files"
    files.mkdir()
    paths = {target: f"/{target.replace(' ', '-')}" for target in node.paths}
    asker = Asker()
    for target, path in node.paths.items():
        (files / paths[target][1:]).write_bytes((await ask(asker, node.servers.port, path)).body)
    asker.close()
    sides = {}
    for name, some in ((_BARE_ONE, cores[:1]), (_BARE_TWO, cores)):
        place = ctx.directory / f"bare-{len(some)}"
        servers = await stack.enter_async_context(bare_servers(place, "low", files, some))
        sides[name] = _Side(servers, paths, some)
    return sides


async def _paths(node: OneNode) -> dict[str, str]:
    """Two blobs and a derivative, once in the memory of each process."""
    rng = random.Random(3)
    small, large = await stored(node, [jpeg_8k(rng), jpeg_80k(rng)])
    paths = {"8 KB": small.path, "80 KB": large.path, "derivative of 8 KB": large.derived(_DERIVED)}
    for path in paths.values():
        for _ in range(2):
            askers = [Asker() for _ in range(_WARM)]
            for asker in askers:
                answer = await ask(asker, node.port, path)
                if answer.status != 200:
                    raise RuntimeError(f"{path}: {answer}")
            for asker in askers:
                asker.close()
    return paths


async def _load(wrk: str, side: _Side, target: str, round_: int) -> _Measured:
    """One client on each core; rates added, the worse of the waits."""
    servers, path = side.servers, side.paths[target]
    before = _cpu(servers)
    found = await asyncio.gather(*(_wrk(wrk, servers.port, path, core) for core in side.cores))
    rate = sum(each.rate for each in found)
    load = Load(rate, max(each.p50_ms for each in found), max(each.p99_ms for each in found))
    return _Measured(load, (_cpu(servers) - before) / (rate * SECONDS) * 1e6)


def _cpu(servers: Servers) -> float:
    """Seconds of all processes that serve."""
    times = [each.cpu_times() for each in servers.processes]
    return float(sum(each.user + each.system for each in times))


async def _wrk(wrk: str, port: int, path: str, core: int) -> Load:
    command = [
        wrk,
        f"-c{CONNECTIONS}",
        "-t1",
        f"-d{SECONDS:g}s",
        "--latency",
        f"http://{LOOPBACK}:{port}{path}",
    ]
    process = await asyncio.create_subprocess_exec(*on_core(core, command), stdout=asyncio.subprocess.PIPE)
    text = (await process.communicate())[0].decode()
    found = {name: float(value) * _MS[unit] for name, value, unit in _FIGURE.findall(text)}
    if process.returncode != 0 or "Non-2xx" in found:
        raise RuntimeError(f"wrk: {text[-500:]}")
    return Load(found["Requests/sec:"], found["50%"], found["99%"])


def _judged(target: str, found: Mapping[str, list[_Measured]]) -> tuple[list[Series], Mark]:
    series: list[Series] = []
    for name, measured in found.items():
        series += rates_of(f"{target}: {name}", [each.load for each in measured])
        cpu = tuple(each.cpu_us for each in measured)
        series.append(Series(f"{target}: CPU of {name}", "µs an answer", cpu))
    rates = {name: [each.load.rate for each in measured] for name, measured in found.items()}
    compared = ratio(f"{target}: two processes to one", rates[_TWO], rates[_ONE])
    dealt = ratio(f"{target}: two processes to one, connections dealt out", rates[_DEALT], rates[_ONE])
    bare = ratio(f"{target}: two bare servers to one", rates[_BARE_TWO], rates[_BARE_ONE])
    series += [
        compared,
        dealt,
        bare,
        ratio(f"{target}: the node's gain to theirs", compared.values, bare.values),
    ]
    return series, Mark(compared.name, compared.median, WANTED, "×", values=compared.values)


def _notes() -> tuple[str, ...]:
    return (
        f"`workers = {PROCESSES}`, `core`: each process keeps to a core of its own. With `near_connections`"
        " (SO_INCOMING_CPU) a connection goes to the process on the core that took it in: here its client's."
        " Dealt out, as without it, the kernel gives each to either, and requests wake other cores."
        f" {CONNECTIONS}"
        " keep-alive connections a client; wrk, one thread each, one for each process, on the same cores.",
        "CPU an answer says how well two processes share the machine, whatever else runs on it.",
        "Bare servers: aiohttp's low-level server with the same bytes in memory, on the same cores and"
        " asked by the same clients. They share a port and nothing else, and prefer connections of their"
        " cores, too: what two of them bring is what the machine gives a second process.",
    )
