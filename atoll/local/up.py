"""`atoll up`: a cluster on this machine to work with, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from atoll import lifecycle, log
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import Kind
from atoll.local.tables import plain_table
from atoll.local.tasks import INTERRUPTED, StoppedFirst, unless_stopped

_ORDER: tuple[Kind, ...] = ("query_service", "storage_node", "replicator", "monitor")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll up`."""
    parser.add_argument(
        "--data", type=Path, default=Path(".atoll"), metavar="DIR", help="where everything lies"
    )
    parser.add_argument("--json", action="store_true", help="print the endpoints as JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Start, say where everything listens, stop cleanly on one Ctrl-C. Raises what cannot be started."""
    log.configure("atoll up", "WARNING")
    try:
        return lifecycle.run(partial(_up, args.data, args.json))
    except StoppedFirst:
        return INTERRUPTED


async def _up(data: Path, as_json: bool, stop: lifecycle.Stop) -> None:
    console = Console(stderr=as_json, highlight=False)
    async with AsyncExitStack() as stack:
        with console.status("starting engines and daemons …"):
            here = LocalCluster(data, environ=dict(os.environ), canaries=True)
            cluster = await unless_stopped(stop, stack.enter_async_context(here))
        if as_json:
            print(json.dumps(cluster.summary(), indent=2), flush=True)  # noqa: T201 - the command's answer
        else:
            console.print(endpoints_table(cluster))
            say_where_things_lie(console, cluster)
            console.print(
                "Try: [bold]atoll upload some.jpg[/bold]. Ctrl-C stops the cluster; its data stays."
            )
        await stop.wait()
        console.print("stopping …")


def say_where_things_lie(console: Console, cluster: LocalCluster) -> None:
    """The page to begin with, and the two files a person or a script needs."""
    console.print(f"Web app: {cluster.web_app} (sign in with the admin key)", soft_wrap=True)
    console.print(f"Admin key: {cluster.paths.admin_key}", soft_wrap=True)
    console.print(f"Endpoints, process ids, logs: {cluster.paths.summary}", soft_wrap=True)


def endpoints_table(cluster: LocalCluster) -> Table:
    """Where everything listens."""
    table = plain_table("Where everything listens", "what", "name", "URL")
    for plan in sorted(cluster.plans, key=lambda plan: _ORDER.index(plan.kind)):
        table.add_row(plan.kind.replace("_", " "), plan.name, cluster.url(plan.name))
    return table
