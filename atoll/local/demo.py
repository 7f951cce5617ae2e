"""`atoll demo`: three regions on this machine, shown working, then left running to play with."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from atoll import lifecycle, log
from atoll.local import demo_steps as steps
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS
from atoll.local.demo_images import show_sizes
from atoll.local.tables import plain_table
from atoll.local.tasks import INTERRUPTED, StoppedFirst, unless_stopped
from atoll.local.up import endpoints_table, say_where_things_lie


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll demo`."""
    parser.add_argument(
        "--data", type=Path, default=Path(".atoll/demo"), metavar="DIR", help="where everything lies"
    )
    parser.add_argument("--exit", action="store_true", help="end after the show instead of running on")
    parser.add_argument(
        "--json", action="store_true", help="the figures and endpoints as JSON; the show is aside"
    )


_PLAIN = {"storage_node": {"faces": "off"}}


@dataclass(frozen=True)
class Figures:
    """What the show measured, in seconds; medians over the pictures in milliseconds."""

    started_after: float
    acknowledged_ms: float
    elsewhere_ms: float
    rendered_ms: float
    moved_after: float
    caught_up_after: float


def run(args: argparse.Namespace) -> int:
    """Show everything; exit code 0 only if all of it came true."""
    log.configure("atoll demo", "ERROR")
    try:
        return lifecycle.run(partial(_demo, args.data, args.exit, args.json))
    except StoppedFirst:
        return INTERRUPTED


async def _demo(data: Path, end: bool, as_json: bool, stop: lifecycle.Stop) -> None:
    console = Console(highlight=False, stderr=as_json)
    console.rule("[bold]Atoll: three regions on this machine")
    began = time.perf_counter()
    async with AsyncExitStack() as stack:
        with console.status("starting NATS, Valkey, a MongoDB-wire server and nine daemons …"):
            # Nothing here is about faces, and looking for them takes longer than all that is shown.
            here = LocalCluster(data, extra=_PLAIN, environ=dict(os.environ))
            cluster = await unless_stopped(stop, stack.enter_async_context(here))
        started = time.perf_counter() - began
        console.print(f"Everything runs after {started:.1f} s.\n")
        figures, shown = await unless_stopped(stop, _show(console, cluster, started))
        if as_json:
            document = {"figures": asdict(figures), **cluster.summary()}
            print(json.dumps(document, indent=2), flush=True)  # noqa: T201 - the command's answer
        if not end:
            say_where_things_lie(console, cluster)
            url = f"{cluster.url(cluster.names('query_service')[0])}/i/images/{shown}"
            console.print(f"For your browser: {url}", soft_wrap=True)
            console.print("It keeps running: try `atoll status` in a second terminal. Ctrl-C ends it.")
            await stop.wait()
        console.print("stopping …")
    console.print(f"Stopped. Everything it stored is in {data}.", soft_wrap=True)


async def _show(console: Console, cluster: LocalCluster, started: float) -> tuple[Figures, str]:
    """The show: its figures, and the public_id of a picture that is there at its end."""
    sent = await steps.upload(console, cluster, "demo", REGIONS, "Uploads go straight to the nearest node")
    lags = await steps.watch_arrivals(console, cluster, sent, REGIONS)
    steps.show_lags(console, lags)
    await steps.resolve_everywhere(console, cluster, sent[0])
    rendered = await show_sizes(console, cluster, sent[0])
    away = await steps.lose_a_node(console, cluster, sent[0], REGIONS[-1])
    back = await steps.bring_it_back(console, cluster, REGIONS[-1])
    acknowledged = statistics.median(one.seconds * 1000 for one in sent)
    copied = statistics.median(ms for region in lags.values() for ms in region)
    figures = Figures(started, acknowledged, copied, rendered, away, back)
    console.print(endpoints_table(cluster))
    console.print(_figures_table(figures))
    return figures, sent[0].asset.public_id


def _figures_table(figures: Figures) -> Table:
    table = plain_table("In figures")
    table.add_row("cluster started", f"{figures.started_after:.1f} s")
    table.add_row("upload acknowledged as durable, median", f"{figures.acknowledged_ms:.0f} ms")
    table.add_row("durable in another region, median", f"{figures.elsewhere_ms:.0f} ms")
    table.add_row("picture made to size, slowest first time", f"{figures.rendered_ms:.0f} ms")
    table.add_row("clients moved off the dead node", f"{figures.moved_after:.1f} s")
    table.add_row("the node caught up", f"{figures.caught_up_after:.1f} s after its start")
    return table
