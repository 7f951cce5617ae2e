"""The static offload: nginx with the configuration that we ship, before a node, against nginx by itself.

The same worker, the same core, the same files: what ours costs more is looking whether it may serve them.
"""

from __future__ import annotations

import asyncio
import random
import re
import statistics
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from atoll.local.cluster_plan import Value
from atoll.local.ports import LOOPBACK, any_free_port
from benchmarks import cores, peer
from benchmarks.context import Context
from benchmarks.derivatives import get, made, stored
from benchmarks.load import CONNECTIONS, Load, client, load, rates_of
from benchmarks.nginx_process import missing, nginx
from benchmarks.one_node import BUCKET, OneNode, one_node
from benchmarks.peer import Running
from benchmarks.pictures import jpeg_8k, jpeg_80k
from benchmarks.public_bucket import make_bucket_public
from benchmarks.result import Absent, Mark, Result, Series, ratio

# A round is so many slices of so long, the two in turn: what drifts touches both alike.
SECONDS, SLICES = 1.0, 3
WANTED = 0.9
SHIPPED = Path(__file__).parent.parent / "deploy" / "nginx"
_DERIVED = "c_fit,f_jpg,h_208,q_78,w_208"
_NODE: dict[str, Value] = {"static_offload": True, "trusted_proxies": ["127.0.0.1/32"]}
_NAMES = ("atoll-maps.conf", "atoll-node.conf", "atoll-proxy.conf")
_SHOWN_SECONDS = 20.0
_TLS = ("listen ", "ssl_")
_SERVED = re.compile(r'^atoll_node_(reads|derivatives)_total\{source="(\w+)"\} (\S+)$', re.MULTILINE)


class _Target(NamedTuple):
    name: str
    ours: str
    theirs: str


class _Found(NamedTuple):
    """A round, or a slice of one. `cpu_us`: of nginx, for one answer."""

    load: Load
    cpu_us: float


_Both = tuple[list[_Found], list[_Found]]


async def run(ctx: Context) -> Result:
    """A node, our nginx before it, a plain one beside it."""
    if why := missing():
        return Result("Static offload by nginx", (), (), (), absent=(Absent("nginx", why),))
    async with one_node(ctx.directory / "node", _NODE) as node:
        await make_bucket_public(node, ctx.directory / "node", any_derivative=True)
        targets = await _targets(ctx, node)
        plain = peer.file_servers()["nginx"]
        async with (
            before(node, ctx.directory / "offload") as ours,
            plain.serve(ctx.directory / "plain", ctx.directory / "files") as theirs,
        ):
            for server in (ours, theirs):
                cores.on_server_core(server.process)
            reads = await _reads(node)
            found = {target: await _measure(ctx, target, ours, theirs) for target in targets}
            if (await _reads(node)) != reads:
                raise RuntimeError("nginx asked the node for what it should have served itself")
    return _result(found)


@asynccontextmanager
async def before(node: OneNode, directory: Path) -> AsyncIterator[Running]:
    """Nginx with the shipped files before a node, but for TLS, on a port of this machine."""
    directory.mkdir()
    port = any_free_port()
    for name in _NAMES:
        text = (SHIPPED / name).read_text().replace("/var/lib/atoll/data", str(node.data))
        text = text.replace("127.0.0.1:8410", f"{LOOPBACK}:{node.port}").replace(
            "/etc/nginx/", f"{directory}/"
        )
        lines = [line for line in text.splitlines() if not line.strip().startswith(_TLS)]
        here = f"    listen {LOOPBACK}:{port} backlog=1024;\n    server_name eu1"
        (directory / name).write_text("\n".join(lines).replace("    server_name eu1", here))
    async with nginx(
        directory, f"include {directory}/{_NAMES[0]};\ninclude {directory}/{_NAMES[1]};", port
    ) as found:
        yield found


async def _targets(ctx: Context, node: OneNode) -> list[_Target]:
    """Blobs and a derivative, and the node's own files of them under plain names."""
    rng = random.Random(7)
    small, large = await stored(node, [jpeg_8k(rng), jpeg_80k(rng)])
    derived = large.derived(_DERIVED)
    await made(node, derived)
    sha256 = {"blob of 8 KB": small.view.sha256, "blob of 80 KB": large.view.sha256}
    kept = {name: node.data.glob(f"blobs/*/*/*/{each}.jpg") for name, each in sha256.items()}
    kept["derivative of 8 KB"] = node.data.glob(f"derivatives/*/*/{large.view.sha256}/{_DERIVED}.jpg")
    paths = dict(zip(kept, (small.path, large.path, derived), strict=True))
    files = ctx.directory / "files"
    files.mkdir()
    found = []
    for name, (file,) in ((name, list(each)) for name, each in kept.items()):
        shown = f"{name.replace(' ', '-')}.jpg"
        (files / shown).symlink_to(file)
        found.append(_Target(name, paths[name], f"/{shown}"))
    links = node.data / "offload" / "public" / "s1" / BUCKET
    await _until_there([links / "blobs", links / "derivatives"])
    return found


async def _until_there(links: list[Path]) -> None:
    """Until the node shows what a static server may serve."""
    async with asyncio.timeout(_SHOWN_SECONDS):
        while not all(link.is_symlink() for link in links):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)


async def _measure(ctx: Context, target: _Target, ours: Running, theirs: Running) -> _Both:
    ctx.say(target.name)
    sliced = replace(ctx, rounds=ctx.rounds * SLICES)
    slices = await sliced.alternate(
        partial(_load, ctx, ours, target.ours), partial(_load, ctx, theirs, target.theirs)
    )
    ours_found, theirs_found = (rounds_of(each) for each in slices)
    return ours_found, theirs_found


async def _load(ctx: Context, server: Running, path: str, _round: int) -> _Found:
    before = _cpu(server)
    found = await load(ctx.directory, server.port, [get(path)], SECONDS)
    return _Found(found, (_cpu(server) - before) / (found.rate * SECONDS) * 1e6)


def _cpu(server: Running) -> float:
    """Seconds of its worker."""
    times = [each.cpu_times() for each in server.process.children()]
    return float(sum(each.user + each.system for each in times))


def rounds_of(slices: list[_Found]) -> list[_Found]:
    """Each round as the mean of its slices."""
    grouped = [slices[first : first + SLICES] for first in range(0, len(slices), SLICES)]
    return [
        _Found(
            Load(*(statistics.fmean(figures) for figures in zip(*(each.load for each in some), strict=True))),
            statistics.fmean(each.cpu_us for each in some),
        )
        for some in grouped
    ]


async def _reads(node: OneNode) -> list[tuple[str, ...]]:
    """What the node served so far, blobs and derivatives, by source."""
    async with node.session.get(f"http://{LOOPBACK}:{node.port}/metrics") as response:
        text = await response.text()
    return _SERVED.findall(text)


def _result(found: Mapping[_Target, _Both]) -> Result:
    series: list[Series] = []
    marks = []
    for target, (ours, theirs) in found.items():
        compared = ratio(
            f"{target.name}: offload to plain nginx",
            [each.load.rate for each in ours],
            [each.load.rate for each in theirs],
        )
        for who, rounds in (("nginx before the node", ours), ("plain nginx", theirs)):
            series += rates_of(f"{target.name}: {who}", [each.load for each in rounds])
            cpu = tuple(each.cpu_us for each in rounds)
            series.append(Series(f"{target.name}: CPU of {who}", "µs an answer", cpu))
        series.append(compared)
        marks.append(Mark(compared.name, compared.median, WANTED, "×", values=compared.values))
    return Result("Static offload by nginx", tuple(series), tuple(marks), _notes())


def _notes() -> tuple[str, ...]:
    return (
        f"{CONNECTIONS} keep-alive connections; client: {client()}. {cores.said()}"
        f" A round is {SLICES} slices of {SECONDS:g} s of each, in turn.",
        "deploy/nginx as shipped, without TLS; both have one worker process and `sendfile`, and read the"
        " node's own files. The run fails if the node was asked for any of it.",
        "What nginx serves past the node was checked when it came in and by the scrubber (docs/offload.md).",
    )
