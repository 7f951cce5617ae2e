"""`atoll demo`: three regions on this machine, shown working, then left running to play with."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from rich.console import Console

from atoll import lifecycle, log
from atoll.local import demo_steps as steps
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS
from atoll.local.tables import plain_table
from atoll.local.up import endpoints_table, say_where_things_lie


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll demo`."""
    parser.add_argument(
        "--data", type=Path, default=Path(".atoll/demo"), metavar="DIR", help="where everything lies"
    )
    parser.add_argument("--exit", action="store_true", help="end after the show instead of running on")


def run(args: argparse.Namespace) -> int:
    """Show everything; exit code 0 only if all of it came true."""
    log.configure("atoll demo", "ERROR")
    return lifecycle.run(partial(_demo, args.data, args.exit))


async def _demo(data: Path, end: bool, stop: lifecycle.Stop) -> None:
    console = Console(highlight=False)
    console.rule("[bold]Atoll: three regions on this machine")
    began = time.perf_counter()
    async with AsyncExitStack() as stack:
        with console.status("starting NATS, Valkey, a MongoDB-wire server and nine daemons …"):
            cluster = await stack.enter_async_context(LocalCluster(data, environ=dict(os.environ)))
        started = time.perf_counter() - began
        console.print(f"Everything runs after {started:.1f} s.\n")
        shown = await _show(console, cluster, started)
        if not end:
            say_where_things_lie(console, cluster)
            url = f"{cluster.url(cluster.names('query_service')[0])}/i/images/{shown}"
            console.print(f"For your browser: {url}", soft_wrap=True)
            console.print("It keeps running: try `atoll status` in a second terminal. Ctrl-C ends it.")
            await stop.wait()
        console.print("stopping …")
    console.print(f"Stopped. Everything it stored is in {data}.", soft_wrap=True)


async def _show(console: Console, cluster: LocalCluster, started: float) -> str:
    """The show; the public_id of a picture that is there at its end."""
    sent = await steps.upload(console, cluster, "demo", REGIONS, "Uploads go straight to the nearest node")
    lags = await steps.watch_arrivals(console, cluster, sent, REGIONS)
    steps.show_lags(console, lags)
    await steps.resolve_everywhere(console, cluster, sent[0])
    away = await steps.lose_a_node(console, cluster, sent[0], REGIONS[-1])
    back = await steps.bring_it_back(console, cluster, REGIONS[-1])
    console.print(endpoints_table(cluster))
    acknowledged = statistics.median(one.seconds * 1000 for one in sent)
    copied = statistics.median(ms for region in lags.values() for ms in region)
    table = plain_table("In figures")
    table.add_row("cluster started", f"{started:.1f} s")
    table.add_row("upload acknowledged as durable, median", f"{acknowledged:.0f} ms")
    table.add_row("durable in another region, median", f"{copied:.0f} ms")
    table.add_row("clients moved off the dead node", f"{away:.1f} s")
    table.add_row("the node caught up", f"{back:.1f} s after its start")
    console.print(table)
    return sent[0].asset.public_id
