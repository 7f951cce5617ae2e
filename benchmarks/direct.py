"""Five pictures of 80 KB from a client 50 ms away: straight to a node by a ticket, and through a backend.

Both begin without any connection and end when all five are durable and known to the cluster; all links are as
far (far_link.py). Ours is what a page does: one ticket for five files, one form with all of them. The peer
(forwarding_backend.py) is asked picture by picture, as the plain pages of such backends do.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET
from atoll.local.ports import LOOPBACK
from benchmarks.context import Context
from benchmarks.far_link import FarLink, far_link
from benchmarks.forwarding_backend import forwarding_backend
from benchmarks.one_node import NO_EXTRAS
from benchmarks.pictures import Picture, Pictures
from benchmarks.result import Mark, Result, Series, ratio

FILES, RTT = 5, 0.05
WANTED_RATIO, WANTED_ROUND_TRIPS = 6.0, 6
_WARM_UP = 3


class Stage(NamedTuple):
    """What a client sees: where the query service is, and for each node's port the link that leads there."""

    service: FarLink
    nodes: Mapping[int, FarLink]
    api_key: str

    @property
    def round_trips(self) -> int:
        """All so far."""
        return sum(link.round_trips for link in (self.service, *self.nodes.values()))

    @property
    def ports(self) -> dict[int, int]:
        return {target: link.port for target, link in self.nodes.items()}


@dataclass(frozen=True)
class Measured:
    """One upload of all pictures: seconds, round trips of the client."""

    seconds: float
    round_trips: int


async def run(ctx: Context) -> Result:
    """Ours and the peer in turn, on links with slow start and, as a second figure, without."""
    ctx.say("starting a cluster")
    directory = ctx.directory / "cluster"
    async with LocalCluster(directory, known_ports=False, extra={"storage_node": NO_EXTRAS}) as cluster:
        full, bare = [await _compare(ctx, cluster, slow_start=slow_start) for slow_start in (True, False)]
    return _result(full, bare)


class _Rounds(NamedTuple):
    form: list[Measured]
    beside: list[Measured]
    peer: list[Measured]
    size: int


async def _compare(ctx: Context, cluster: LocalCluster, *, slow_start: bool) -> _Rounds:
    pictures = Pictures(random.Random(7))
    async with (
        stage_of(cluster, RTT, slow_start=slow_start) as client,
        stage_of(cluster, RTT, slow_start=slow_start) as inner,
        forwarding_backend(
            f"http://{LOOPBACK}:{inner.service.port}", cluster.admin_key, BUCKET, inner.ports
        ) as backend,
        far_link(backend.port, RTT, slow_start=slow_start) as link,
    ):
        for _ in range(_WARM_UP):
            await straight(client, pictures.take(FILES))
            await side_by_side(client, pictures.take(FILES))
            await through(link, pictures.take(FILES))

        async def ours(_: int) -> tuple[Measured, Measured]:
            return await straight(client, pictures.take(FILES)), await side_by_side(
                client, pictures.take(FILES)
            )

        both, peer = await ctx.alternate(ours, lambda _: through(link, pictures.take(FILES)))
    return _Rounds([form for form, _ in both], [beside for _, beside in both], peer, pictures.size)


@asynccontextmanager
async def stage_of(cluster: LocalCluster, rtt: float, *, slow_start: bool = True) -> AsyncIterator[Stage]:
    """Links to the first query service and to all nodes."""

    def port(daemon: str) -> int:
        return urlsplit(cluster.url(daemon)).port or 0

    async with AsyncExitStack() as stack:

        async def link(daemon: str) -> FarLink:
            return await stack.enter_async_context(far_link(port(daemon), rtt, slow_start=slow_start))

        service = await link(cluster.names("query_service")[0])
        nodes = {port(name): await link(name) for name in cluster.names("storage_node")}
        yield Stage(service, nodes, cluster.admin_key)


async def straight(stage: Stage, pictures: Sequence[Picture]) -> Measured:
    """One ticket, one form."""
    before, began = stage.round_trips, time.perf_counter()
    async with aiohttp.ClientSession() as session:
        ticket = await _ticket(stage, session, len(pictures))
        url = URL(ticket, encoded=True)
        form = aiohttp.FormData()
        for picture in pictures:
            form.add_field("file", picture.body, filename="a.jpg", content_type="image/jpeg")
        async with session.post(url.with_port(stage.ports[url.port or 0]), data=form) as answer:
            stored = (await answer.json())["results"]
    seconds = time.perf_counter() - began
    _check(pictures, [one["asset"]["sha256"] for one in stored])
    return Measured(seconds, stage.round_trips - before)


async def side_by_side(stage: Stage, pictures: Sequence[Picture]) -> Measured:
    """One ticket, a request for each file, all at once."""
    before, began = stage.round_trips, time.perf_counter()
    async with aiohttp.ClientSession() as session:
        ticket = await _ticket(stage, session, len(pictures))
        url = URL(ticket, encoded=True)
        url = url.with_port(stage.ports[url.port or 0])

        async def put(number: int, picture: Picture) -> str:
            target = URL(f"{url}&file={number}", encoded=True)
            async with session.put(target, data=picture.body) as answer:
                return str((await answer.json())["sha256"])

        stored = await asyncio.gather(*(put(number, each) for number, each in enumerate(pictures)))
    seconds = time.perf_counter() - began
    _check(pictures, stored)
    return Measured(seconds, stage.round_trips - before)


async def _ticket(stage: Stage, session: aiohttp.ClientSession, files: int) -> str:
    async with session.post(
        f"http://{LOOPBACK}:{stage.service.port}/v1/uploads",
        json={"bucket": BUCKET, "files": files},
        headers={"Authorization": f"Bearer {stage.api_key}"},
    ) as answer:
        answer.raise_for_status()
        return str((await answer.json())["upload_url"])


async def through(link: FarLink, pictures: Sequence[Picture]) -> Measured:
    """Picture by picture: sent, then registered."""
    before, began = link.round_trips, time.perf_counter()
    base, stored = f"http://{LOOPBACK}:{link.port}", []
    async with aiohttp.ClientSession() as session:
        for picture in pictures:
            async with session.post(f"{base}/pictures", data=picture.body) as answer:
                asset = await answer.json()
            stored.append(asset["sha256"])
            async with session.post(f"{base}/register", json={"url": asset["url"]}) as answer:
                answer.raise_for_status()
    seconds = time.perf_counter() - began
    _check(pictures, stored)
    return Measured(seconds, link.round_trips - before)


def _check(pictures: Sequence[Picture], stored: Sequence[str]) -> None:
    if [picture.sha256 for picture in pictures] != list(stored):
        raise RuntimeError("other pictures were stored than were sent")


def _result(full: _Rounds, bare: _Rounds) -> Result:
    beside = _times("faster than the backend, files side by side", full.peer, full.beside)
    trips = max(each.round_trips for each in full.form)
    return Result(
        f"{FILES} pictures from a client {RTT * 1000:g} ms away, straight and through a backend",
        (
            _series("straight, files side by side", full.beside),
            _series("straight, one form", full.form),
            _series("through the backend", full.peer),
            beside,
            _times("faster than the backend, one form", full.peer, full.form),
            *_bare(bare),
            Series("round trips of the client, one form", "", tuple(e.round_trips for e in full.form)),
            Series("round trips of the client, side by side", "", tuple(e.round_trips for e in full.beside)),
            Series("round trips of the client, to the backend", "", tuple(e.round_trips for e in full.peer)),
        ),
        (
            Mark("faster than the backend", beside.median, WANTED_RATIO, "×", values=beside.values),
            Mark("round trips in all, one form", trips, WANTED_ROUND_TRIPS, at_most=True),
        ),
        _notes(full.size),
    )


def _series(name: str, rounds: list[Measured]) -> Series:
    return Series(name, "ms", tuple(each.seconds * 1000 for each in rounds))


def _times(name: str, peer: list[Measured], ours: list[Measured]) -> Series:
    return ratio(name, [each.seconds for each in peer], [each.seconds for each in ours])


def _bare(bare: _Rounds) -> tuple[Series, ...]:
    without = ", links without slow start"
    return (
        _series(f"straight, files side by side{without}", bare.beside),
        _series(f"straight, one form{without}", bare.form),
        _series(f"through the backend{without}", bare.peer),
        _times(f"faster, files side by side{without}", bare.peer, bare.beside),
        _times(f"faster, one form{without}", bare.peer, bare.form),
    )


def _notes(size: int) -> tuple[str, ...]:
    return (
        f"{FILES} distinct JPEGs of {size:,} bytes; no connection is open at the beginning; the end is the"
        " last answer, when all are durable on the node and on their way into the catalog. TLS would add a"
        " round trip to each new connection of both.",
        f"Every link – client to node, to query service and to backend, backend to both – has {RTT * 1000:g}"
        " ms round trip, TCP's handshake and slow start, no limit of bandwidth and no loss.",
        "The backend takes a picture whole, then asks for a ticket and sends it on, each over a new"
        " connection; the page sends one picture after the other and registers each. A backend that keeps its"
        " connections, or a page that sends all at once, gains much of that back: then what is left is every"
        " byte's second way.",
        "A round trip is a new connection or a burst of bytes after an answer, counted on the links. Side by"
        " side there are more of them, and no more than four that wait for each other.",
    )
