"""What a report is made of: asked once from query services and monitor, then never again. I/O in `gather`.

What cannot be asked is left out and named in `unasked`: a report of a broken cluster is the one needed most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from msgspec import Struct

from atoll.cli.access import OWN_BUCKETS, Access
from atoll.client.async_client import AsyncClient
from atoll.client.bucket_calls import BucketUsage
from atoll.client.canary_calls import FlightList, Flights, RegionPath
from atoll.client.monitor_calls import Finding, ForecastView, MonitorCalls, StateView
from atoll.client.views import NodeView, RegionView, SetView
from atoll.errors import AtollError

T = TypeVar("T")
MAX_BUCKETS = 200  # whose usage is asked
AT_ONCE = 4


class Curve(Struct, frozen=True):
    """How much of a node's disk was used when: Unix seconds and bytes."""

    node: str
    region: str
    set: str
    bytes_total: int
    bytes_free: int
    bytes_reserved: int
    points: tuple[tuple[float, float], ...]


class Figure(Struct, frozen=True):
    """One figure of the monitor now; None: infinite."""

    figure: str
    scope: str
    name: str
    value: float | None
    region: str = ""
    note: str = ""


class Curves(Struct):
    """The answer to GET /v1/curves."""

    curves: tuple[Curve, ...]


class Figures(Struct):
    """The answer to GET /v1/figures."""

    figures: tuple[Figure, ...]


class Facts(Struct, frozen=True):
    """Everything the report says, as it was `at` (Unix seconds). `usage` by bucket."""

    at: float
    nodes: tuple[NodeView, ...] = ()
    sets: tuple[SetView, ...] = ()
    regions: tuple[RegionView, ...] = ()
    usage: dict[str, BucketUsage] = {}
    states: tuple[StateView, ...] = ()
    findings: tuple[Finding, ...] = ()
    forecasts: tuple[ForecastView, ...] = ()
    curves: tuple[Curve, ...] = ()
    paths: tuple[RegionPath, ...] = ()
    flights: tuple[Flights, ...] = ()
    figures: tuple[Figure, ...] = ()
    unasked: dict[str, str] = {}

    @property
    def images(self) -> int:
        """Assets in all buckets whose usage is known."""
        return sum(usage.assets for usage in self.usage.values())

    @property
    def image_bytes(self) -> int:
        """Their bytes, each blob once, without its copies."""
        return sum(usage.bytes for usage in self.usage.values())


async def gather(client: AsyncClient, access: Access, at: float) -> Facts:
    """Ask for all of it."""
    unasked: dict[str, str] = {}

    async def told(what: str, asking: Awaitable[T], otherwise: T) -> T:
        try:
            return await asking
        except AtollError as error:
            unasked[what] = error.detail
            return otherwise

    nodes, sets, regions, usage, monitor = await asyncio.gather(
        told("nodes", client.nodes(), ()),
        told("sets", client.sets(), ()),
        told("regions", client.regions(), ()),
        told("buckets", _usage(client), {}),
        _monitor(access, told),
    )
    nodes = tuple(node for node in nodes if node.state != "removed")
    if access.monitor is None:
        unasked["monitor"] = "nobody says where it is (monitor_url, ATOLL_MONITOR_URL)"
    return Facts(at, nodes, sets, regions, usage, **monitor, unasked=unasked)


async def _usage(client: AsyncClient) -> dict[str, BucketUsage]:
    """Of every bucket but the cluster's own."""
    names = [b.name for b in await client.buckets() if not b.name.startswith(OWN_BUCKETS)][:MAX_BUCKETS]
    places = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> BucketUsage:
        async with places:
            return (await client.bucket(name)).usage

    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


async def _monitor(access: Access, told: Any) -> dict[str, Any]:
    if access.monitor is None:
        return {}
    calls = MonitorCalls(access.monitor, access.api_key, access.settings.tls_ca_file)
    curves, flights, figures = Curves(()), FlightList(()), Figures(())
    answers = await asyncio.gather(
        told("states", calls.states(), ()),
        told("alerts", calls.findings(), ()),
        told("forecasts", calls.forecasts(), ()),
        told("curves", calls.ask("GET", "/v1/curves", Curves), curves),
        told("canaries", calls.canaries(), ()),
        told("canary history", calls.ask("GET", "/v1/canaries/history", FlightList), flights),
        told("figures", calls.ask("GET", "/v1/figures", Figures), figures),
    )
    names = ("states", "findings", "forecasts", "curves", "paths", "flights", "figures")
    plain = [*answers[:3], answers[3].curves, answers[4], answers[5].canaries, answers[6].figures]
    return dict(zip(names, plain, strict=True))
