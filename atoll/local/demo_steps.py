"""What the demo shows, one function a step. Talks to the cluster as any client would."""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from atoll.client import AsyncClient
from atoll.errors import AtollError, NotFound, Unavailable
from atoll.ids import id_time_ms
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, REGIONS, RegionPlan
from atoll.local.demo_pictures import pictures
from atoll.local.tables import plain_table
from atoll.model import Location
from atoll.node_api import AssetView

PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Sent:
    """A picture that was uploaded: from where, and how long until it was acknowledged (seconds)."""

    asset: AssetView
    body: bytes
    place: RegionPlan
    seconds: float


def client_at(cluster: LocalCluster, place: RegionPlan) -> AsyncClient:
    """A client that stands in a region."""
    urls = [cluster.url(name) for name in cluster.names("query_service")]
    return AsyncClient(urls, cluster.admin_key, region=place.name)


async def upload(
    console: Console, cluster: LocalCluster, folder: str, places: Sequence[RegionPlan], title: str
) -> list[Sent]:
    """Upload the photographs, each by a client in another place; say which node took it."""
    figures = frozenset({"bytes", "durable after"})
    table = plain_table(title, "picture", "bytes", "sent from", "taken by", "durable after", right=figures)
    sent: list[Sent] = []
    for number, (name, body) in enumerate(pictures()):
        place = places[number % len(places)]
        async with client_at(cluster, place) as client:
            began = time.perf_counter()
            asset = await client.upload(
                body, bucket=BUCKET, public_id=f"{folder}/{name}", filename=f"{name}.jpg"
            )
            took = time.perf_counter() - began
        sent.append(Sent(asset, body, place, took))
        table.add_row(
            name, f"{asset.bytes:,}", place.city, _node_of(cluster, asset.url), f"{took * 1000:.0f} ms"
        )
    console.print(table)
    return sent


def _node_of(cluster: LocalCluster, url: str) -> str:
    nodes = cluster.names("storage_node")
    return next((n for n in nodes if url.startswith(cluster.url(n) + "/")), "?")


async def watch_arrivals(
    console: Console, cluster: LocalCluster, sent: Sequence[Sent], regions: Sequence[RegionPlan]
) -> dict[str, list[float]]:
    """Wait until every picture is in every other region; by region, milliseconds from stored to fsynced."""
    missing = {(one.asset.asset_id, r.name): one for one in sent for r in regions if r != one.place}
    lags: dict[str, list[float]] = {r.name: [] for r in regions}
    bars = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[took]}"),
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Progress(*bars, console=console) as progress:
        tasks = {
            r.name: progress.add_task(
                f"arrived in {r.city:<9}", total=sum(name == r.name for _, name in missing), took=""
            )
            for r in regions
        }
        async with client_at(cluster, REGIONS[0]) as client:
            while missing:
                for copy, milliseconds in (await _arrived(client, missing)).items():
                    del missing[copy]
                    lags[copy[1]].append(milliseconds)
                    took = f"the last after {max(lags[copy[1]]):.0f} ms"
                    progress.update(tasks[copy[1]], advance=1, took=took)
                if time.monotonic() > deadline:
                    raise Unavailable(f"{len(missing)} copies did not arrive in {PATIENCE_SECONDS:.0f} s.")
                await asyncio.sleep(_POLL_SECONDS)
    console.print()
    return lags


async def _arrived(
    client: AsyncClient, missing: Mapping[tuple[str, str], Sent]
) -> dict[tuple[str, str], float]:
    """Those of the missing copies (asset id, region) that are there now, and their lag in milliseconds."""
    arrived: dict[tuple[str, str], float] = {}
    for one in {asset_id: one for (asset_id, _), one in missing.items()}.values():
        stored = id_time_ms(one.asset.version)
        for place in await _locations(client, one):
            if (copy := (one.asset.asset_id, place.region)) in missing:
                arrived[copy] = max(0, place.fsynced_at - stored)
    return arrived


async def _locations(client: AsyncClient, one: Sent) -> tuple[Location, ...]:
    """Where the picture is; nowhere while the catalog does not know this version."""
    try:
        found = await client.locations(one.asset.asset_id)
    except NotFound:
        return ()
    return found.locations if found.sha256 == one.asset.sha256 else ()


def show_lags(console: Console, lags: dict[str, list[float]]) -> None:
    """How long the copies took."""
    figures = ("pictures", "median", "slowest")
    table = plain_table(
        "From stored to verified and durable elsewhere", "region", *figures, right=frozenset(figures)
    )
    for region, values in lags.items():
        middle = statistics.median(values)
        table.add_row(region, str(len(values)), f"{middle:.0f} ms", f"{max(values):.0f} ms")
    console.print(table)


async def resolve_everywhere(console: Console, cluster: LocalCluster, one: Sent) -> None:
    """The same picture for clients in three places: three nodes, the same bytes."""
    table = plain_table(
        f"One picture ({one.asset.public_id}), asked for from three places",
        *("client in", "is sent to", "distance", "SHA-256 of what came"),
        right=frozenset({"distance"}),
    )
    for place in REGIONS:
        async with client_at(cluster, place) as client:
            answer = await client.url(one.asset.asset_id)
            body = await client.get(one.asset.asset_id)
        same = hashlib.sha256(body).hexdigest() == one.asset.sha256 and body == one.body
        verdict = "[green]the same[/green]" if same else "[red]DIFFERENT[/red]"
        table.add_row(
            place.city,
            answer.node,
            f"{answer.distance_km or 0:,.0f} km",
            f"{one.asset.sha256[:12]}… {verdict}",
        )
        if not same:
            raise AtollError(f"{answer.node} gave other bytes than were sent.")
    console.print(table)


async def lose_a_node(console: Console, cluster: LocalCluster, one: Sent, place: RegionPlan) -> float:
    """Kill a region's node; seconds until its clients are sent to the next-nearest, from which they read.

    Killed, not stopped: a node that stops says goodbye, and its clients move on at once.
    """
    node = f"{place.name}-1"
    await cluster.daemons[node].kill(restart=False)
    began = time.perf_counter()
    async with client_at(cluster, place) as client:
        with console.status(f"{node} is killed; waiting until its clients are sent elsewhere …"):
            while (answer := await client.url(one.asset.asset_id)).node == node:
                if time.perf_counter() - began > PATIENCE_SECONDS:
                    raise Unavailable(f"Clients are still sent to {node}, which is dead.")
                await asyncio.sleep(_POLL_SECONDS)
        took = time.perf_counter() - began
        if await client.get(one.asset.asset_id) != one.body:
            raise AtollError(f"{answer.node} gave other bytes than were sent.")
    console.print(
        f"[bold]{node} is killed (kill -9).[/bold] After {took:.1f} s clients in {place.city} are sent to "
        f"{answer.node}, {answer.distance_km or 0:,.0f} km away, and get the right bytes.\n"
    )
    return took


async def bring_it_back(console: Console, cluster: LocalCluster, place: RegionPlan) -> float:
    """Upload while the node is down, start it, and watch it catch up; seconds from its start."""
    others = [region for region in REGIONS if region != place]
    node = f"{place.name}-1"
    missed = await upload(console, cluster, "while-down", others, f"Uploads while {node} is down")
    began = time.perf_counter()
    with console.status(f"starting {node} again …"):
        await cluster.daemons[node].start()
    await watch_arrivals(console, cluster, missed, [place])
    took = time.perf_counter() - began
    console.print(
        f"[bold]{node} is started again[/bold] and has all {len(missed)} pictures it missed, "
        f"{took:.1f} s after its start.\n"
    )
    return took
