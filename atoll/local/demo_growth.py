"""`atoll demo-growth`: three small disks fill up, and the cluster starts the next set by itself, live.

Real uploads to nodes that were told that they have little room; the monitor warns, decides and launches by
its provider `local`; the new nodes join by token. Uploads come at an even pace, so that the forecast can be
held against what came. At the end every picture is read back and compared.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.live import Live

from atoll import lifecycle, log
from atoll.errors import AtollError
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, REGIONS, SET, Value
from atoll.local.demo_steps import client_at
from atoll.local.growth_view import GrowthScene, look, write_policy
from atoll.local.noise import noise
from atoll.local.tasks import INTERRUPTED, StoppedFirst, unless_stopped
from atoll.node_api import AssetView

CAPACITY, RESERVE = 12 * 2**20, 2**20
MOST_UPLOADS = 400
PACE = 0.4  # seconds from one upload to the next
AFTER = 12  # uploads to the new set that are enough


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll demo-growth`."""
    parser.add_argument(
        "--data", type=Path, default=Path(".atoll/growth"), metavar="DIR", help="an empty or new directory"
    )


def run(args: argparse.Namespace) -> int:
    """Show everything; exit code 0 only if nothing was refused and nothing lost."""
    log.configure("atoll demo-growth", "ERROR")
    if args.data.exists() and any(args.data.iterdir()):
        raise AtollError(f"{args.data} is not empty; this begins with empty disks. Give another --data.")
    try:
        return lifecycle.run(partial(_demo, args.data))
    except StoppedFirst:
        return INTERRUPTED


async def _demo(data: Path, stop: lifecycle.Stop) -> None:
    console = Console(highlight=False)
    console.rule("[bold]Atoll: disks fill up, and the cluster grows")
    async with AsyncExitStack() as stack:
        with console.status("starting three nodes with 12 MiB each …"):
            cluster = await unless_stopped(stop, stack.enter_async_context(_cluster(data)))
        await unless_stopped(stop, _show(console, cluster))
        console.print("stopping …")


def _cluster(data: Path) -> LocalCluster:
    node: dict[str, Value] = {"capacity_bytes": CAPACITY, "reserve_bytes": RESERVE, "faces": "off"}
    node["heartbeat_seconds"] = 0.5
    monitor: dict[str, Value] = {
        "scale_policy_file": str(write_policy(data).resolve()),
        "scale_seconds": 0.5,
        "warning_percent": 40.0,
        "evaluate_seconds": 0.5,
        "forecast_sample_seconds": 0.5,  # the usual minute suits disks that last for weeks
    }
    return LocalCluster(data, extra={"storage_node": node, "monitor": monitor}, environ=dict(os.environ))


async def _show(console: Console, cluster: LocalCluster) -> None:
    began = time.perf_counter()
    sent: list[AssetView] = []
    scene = GrowthScene()
    with Live(scene.table(), console=console, refresh_per_second=4) as live:
        for number in range(MOST_UPLOADS):
            await asyncio.sleep(began + number * PACE - time.perf_counter())
            sent.append(await _upload(cluster, number))
            scene.uploaded(sent[-1])
            if number % 2 == 0:
                await look(cluster, scene)
                live.update(scene.table())
            if scene.in_later_sets >= AFTER:
                break
        await look(cluster, scene)
        live.update(scene.table())
    if not console.is_terminal:
        console.line()  # in a file or a pipe the view ends within its last line
    if scene.in_later_sets < AFTER:
        raise AtollError(f"After {len(sent)} uploads no new set took any.")
    lost = await _lost(cluster, sent)
    if lost:
        raise AtollError(f"{len(lost)} pictures are not what was sent: {', '.join(lost[:5])}")
    if restarted := [name for name, process in cluster.daemons.items() if process.status.restarts]:
        raise AtollError(f"These daemons were restarted: {', '.join(restarted)}")
    took = time.perf_counter() - began
    if scene.check.text:
        console.print(f"Set {SET} was {scene.check.text}.")
    console.print(f"{len(sent)} uploads in {took:.0f} s: none refused, none lost, no daemon restarted.")


async def _upload(cluster: LocalCluster, number: int) -> AssetView:
    body = noise(random.Random(number))
    place = REGIONS[number % len(REGIONS)]
    async with client_at(cluster, place) as client:
        return await client.upload(body, bucket=BUCKET, public_id=f"fill/{number}", filename=f"{number}.jpg")


async def _lost(cluster: LocalCluster, sent: list[AssetView]) -> list[str]:
    """Those whose bytes do not come back as they were sent."""
    lost = []
    async with client_at(cluster, REGIONS[0]) as client:
        for asset in sent:
            body = await client.get(asset.asset_id)
            if hashlib.sha256(body).hexdigest() != asset.sha256:
                lost.append(asset.public_id)
    return lost
