"""How the cluster is: its query services and engines, nodes, sets, and what the monitor has to say.

Exit code 0 only when everything answers and is healthy, 1 when something is not, 5 when no query service
answers. With --watch it looks again and again until Ctrl-C, or until --count.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

import msgspec

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import count
from atoll.cli.canary_table import show_paths
from atoll.cli.exit_codes import Exit, WrongUsage, code_of
from atoll.cli.forecast_table import show_forecasts
from atoll.cli.output import emit_json, note, on_terminal, say, show_error, show_table, size
from atoll.cli.spans import spell
from atoll.cli.status_problems import find_problems
from atoll.client.async_client import AsyncClient
from atoll.client.canary_calls import RegionPath
from atoll.client.monitor_calls import ForecastView, MonitorCalls, StateView
from atoll.client.services import MonitorView, ServiceView, ask_monitor, ask_services
from atoll.client.views import NodeView, SetView
from atoll.errors import AtollError, Failed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll status`."""
    add_shared(parser)
    parser.add_argument(
        "--watch", nargs="?", const=2.0, type=float, metavar="SECONDS", help="look again and again (2 s)"
    )
    parser.add_argument("--count", type=count, metavar="N", help="with --watch: stop after N looks")


def run(args: argparse.Namespace) -> int:
    """Tables, or one JSON document."""
    if args.watch is not None and not 0.2 <= args.watch <= 3600:
        raise WrongUsage("--watch takes 0.2 to 3600 seconds.")
    return with_client(args, _status if args.watch is None else _watch)


async def _watch(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    """Look after look; one that fails is told and not the end."""
    looks = 0
    while True:
        if on_terminal() and not args.json:
            sys.stdout.write("\x1b[H\x1b[2J")
        try:
            code = await _status(args, client, access)
        except Failed as error:
            show_error(error)
            code = code_of(error)
        looks += 1
        if looks == args.count:
            return code
        await asyncio.sleep(args.watch)


async def _status(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    services, monitor, (states, forecasts, paths), nodes, sets = await asyncio.gather(
        ask_services(access.urls, access.settings.tls_ca_file),
        ask_monitor(access.monitor, access.api_key, access.settings.tls_ca_file),
        _told(access),
        client.nodes(),
        client.sets(),
    )
    nodes = tuple(node for node in nodes if node.state != "removed")
    problems = find_problems(services, monitor, nodes, sets, states)
    if args.json:
        emit_json(
            _document(services, monitor, nodes, sets, problems)
            | {"states": msgspec.to_builtins(states), "forecasts": msgspec.to_builtins(forecasts)}
            | {"canaries": msgspec.to_builtins(paths)}
        )
    else:
        in_table = {reason for state in states for reason in state.reasons}
        others = [problem for problem in problems if problem not in in_table]
        _show(services, monitor, nodes, sets, others, healthy=not problems)
        show_paths(paths)
        show_forecasts(forecasts)
        _show_states(states)
    return Exit.SOME_FAILED if problems else Exit.OK


async def _told(
    access: Access,
) -> tuple[tuple[StateView, ...], tuple[ForecastView, ...], tuple[RegionPath, ...]]:
    """States, forecasts, canaries. Why there are none is in `monitor`: it did not answer."""
    if access.monitor is None:
        return (), (), ()
    calls = MonitorCalls(access.monitor, access.api_key, access.settings.tls_ca_file)
    try:
        return await calls.states(), await calls.forecasts(), await calls.canaries()
    except AtollError:
        return (), (), ()


def _show_states(states: tuple[StateView, ...]) -> None:
    """What is not healthy, for how long, and why."""
    ill = [state for state in states if state.state != "healthy"]
    if not ill:
        return
    rows = [
        (
            s.scope,
            s.name,
            s.state + (", flapping" if s.flapping else ""),
            spell(s.seconds),
            "; ".join(s.reasons),
        )
        for s in ill
    ]
    show_table("Not healthy", ("WHAT", "NAME", "STATE", "FOR", "WHY"), rows)


def _document(
    services: tuple[ServiceView, ...],
    monitor: MonitorView | None,
    nodes: tuple[NodeView, ...],
    sets: tuple[SetView, ...],
    problems: list[str],
) -> dict[str, Any]:
    return {
        "healthy": not problems,
        "problems": problems,
        "query_services": msgspec.to_builtins(services),
        "monitor": msgspec.to_builtins(monitor),
        "nodes": msgspec.to_builtins(nodes),
        "sets": msgspec.to_builtins(sets),
    }


def _show(
    services: tuple[ServiceView, ...],
    monitor: MonitorView | None,
    nodes: tuple[NodeView, ...],
    sets: tuple[SetView, ...],
    problems: list[str],
    *,
    healthy: bool,
) -> None:
    show_table(
        "Nodes",
        ("NODE", "REGION", "SET", "STATE", "FREE", "BLOBS", "LOAD", "OUTBOX"),
        [_node_row(node) for node in nodes],
    )
    show_table("Sets", ("SET", "STATE", "HEALTHY", "FREE"), [_set_row(s) for s in sets])
    rows = [(s.name or s.url, s.region, s.error or s.status, _engines(s)) for s in services]
    if monitor is not None:
        rows.append(("monitor", "", monitor.error or monitor.state, ""))
    show_table("Services", ("SERVICE", "REGION", "STATE", "ENGINES"), rows)
    for problem in problems:
        note(f"! {problem}")
    if healthy:
        say("all healthy")


def _node_row(node: NodeView) -> tuple[object, ...]:
    load = "" if node.load is None else f"{node.load:.2f}"
    state = node.health if node.state == "active" else f"{node.state}, {node.health}"
    state = f"{state}, read-only" if node.read_only else state
    return node.name, node.region, node.set, state, size(node.bytes_free), node.blobs, load, node.outbox


def _set_row(s: SetView) -> tuple[object, ...]:
    state = "sealed" if s.sealed else ("writable" if s.writable else "not writable")
    return s.name, state, f"{s.healthy}/{len(s.members)}", size(s.bytes_free)


def _engines(service: ServiceView) -> str:
    return ", ".join(f"{name} {'up' if up else 'away'}" for name, up in service.engines.items())
