"""Hot GETs from a node of two processes, against the same node of one.

Each process has a core, and so has each client: one process and one client share the first core, two
processes and two clients the first two. So what is compared is what a second core brings, and not a
client that has more or less of the machine beside it.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

from atoll.local.ports import LOOPBACK
from benchmarks.ask import Asker
from benchmarks.context import Context
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
_THEN_RUN = (
    "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execvp(sys.argv[2], sys.argv[2:])"
)
_FIGURE = re.compile(
    r"^\s*(Requests/sec:|50%|99%|Non-2xx)\s*(?:or \S+ responses: )?([\d.]+)(us|ms|s)?", re.MULTILINE
)
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "": 1.0}
_TITLE = "Hot GET from two processes of a node"


class _Measured(NamedTuple):
    load: Load
    cpu_us: float  # of what serves, an answer


async def run(ctx: Context) -> Result:
    """Both nodes with the same pictures, asked in turn."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    wrk = shutil.which("wrk")
    if wrk is None or len(usable) < PROCESSES:
        why = "wrk is not installed" if wrk is None else f"the machine has {len(usable)} core(s)"
        return Result(_TITLE, (), (), absent=(Absent("one process", why),))
    cores = usable[:PROCESSES]
    async with AsyncExitStack() as stack:
        nodes = {}
        for processes in (1, PROCESSES):
            directory = ctx.directory / f"of-{processes}"
            directory.mkdir()
            settings = {"workers": processes, "core": cores[0]}
            node = await stack.enter_async_context(one_node(directory, settings))
            await make_bucket_public(node, directory, any_derivative=True)
            nodes[processes] = node
        paths = [await _paths(node) for node in nodes.values()]
        series: list[Series] = []
        marks: list[Mark] = []
        for target in paths[0]:
            ctx.say(target)
            asked = {
                str(processes): partial(_load, wrk, node, path[target], cores[:processes])
                for (processes, node), path in zip(nodes.items(), paths, strict=True)
            }
            more, mark = _judged(target, await ctx.in_turn(asked))
            series += more
            marks.append(mark)
    return Result(_TITLE, tuple(series), tuple(marks), _notes())


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


async def _load(wrk: str, node: OneNode, path: str, cores: list[int], round_: int) -> _Measured:
    """One client on each core; rates added, the worse of the waits."""
    before = _cpu(node)
    found = await asyncio.gather(*(_wrk(wrk, node.port, path, core) for core in cores))
    rate = sum(each.rate for each in found)
    load = Load(rate, max(each.p50_ms for each in found), max(each.p99_ms for each in found))
    return _Measured(load, (_cpu(node) - before) / (rate * SECONDS) * 1e6)


def _cpu(node: OneNode) -> float:
    """Seconds of all processes that serve."""
    serving = [child for child in node.process.children() if "storage_node.workers" in child.cmdline()]
    times = [each.cpu_times() for each in (node.process, *serving)]
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
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _THEN_RUN, str(core), *command, stdout=asyncio.subprocess.PIPE
    )
    text = (await process.communicate())[0].decode()
    found = {name: float(value) * _MS[unit] for name, value, unit in _FIGURE.findall(text)}
    if process.returncode != 0 or "Non-2xx" in found:
        raise RuntimeError(f"wrk: {text[-500:]}")
    return Load(found["Requests/sec:"], found["50%"], found["99%"])


def _judged(target: str, found: Mapping[str, list[_Measured]]) -> tuple[list[Series], Mark]:
    one, two = found["1"], found[str(PROCESSES)]
    rates = [[each.load.rate for each in measured] for measured in (two, one)]
    compared = ratio(f"{target}: two processes to one", *rates)
    series = [
        *rates_of(f"{target}: one process", [each.load for each in one]),
        *rates_of(f"{target}: two processes", [each.load for each in two]),
        Series(f"{target}: CPU of one process", "µs an answer", tuple(each.cpu_us for each in one)),
        Series(f"{target}: CPU of two processes", "µs an answer", tuple(each.cpu_us for each in two)),
        compared,
    ]
    return series, Mark(compared.name, compared.median, WANTED, "×", values=compared.values)


def _notes() -> tuple[str, ...]:
    return (
        f"`workers = {PROCESSES}` and `core`: each process keeps to a core of its own. {CONNECTIONS}"
        " keep-alive connections a client; wrk, one thread each, one for each process, on the same cores.",
        "CPU an answer says how well two processes share the machine, whatever else runs on it.",
        "Connections are dealt out by the kernel (`SO_REUSEPORT`); whichever process has one answers.",
    )
