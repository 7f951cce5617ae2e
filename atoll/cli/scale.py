"""Growth: why each region gets new nodes or does not, and the nodes that the monitor had started.

atoll scale explain               every region's figures and decision, then all launches
atoll scale launches              the launches alone
atoll scale retry NAME            try a launch again that was given up
atoll scale forget NAME           look away from it, so that its region may grow again
atoll scale retry NAME --dry-run  say how it stands, change nothing

With `dry_run = true` in the policy all is decided and explained, and nothing is started.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from atoll.cli.access import add_shared, find_access
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.output import emit_json, note, say, show_table
from atoll.client.monitor_calls import MonitorCalls

Answer = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll scale`."""
    add_shared(parser)
    parser.add_argument(
        "what", nargs="?", default="explain", choices=("explain", "launches", "retry", "forget")
    )
    parser.add_argument("name", nargs="?", help="retry, forget: the node that was to be started")
    parser.add_argument("--dry-run", action="store_true", help="retry, forget: only say what it is now")


def run(args: argparse.Namespace) -> int:
    """Ask or order; print the answer."""
    access = find_access(args)
    if access.monitor is None:
        raise WrongUsage("No monitor is named: monitor_url in the settings (ATOLL_MONITOR_URL).")
    if (args.what in {"retry", "forget"}) != (args.name is not None):
        raise WrongUsage("retry and forget want a node's name; the others nothing.")
    calls = MonitorCalls(access.monitor, access.api_key, access.settings.tls_ca_file)
    answer = asyncio.run(_ask(calls, args))
    if args.json:
        emit_json(answer)
    elif args.name is None:
        _show(answer, explain=args.what == "explain")
    else:
        say(args.what, answer["name"], answer["error"] or answer["state"])
    return Exit.OK


async def _ask(calls: MonitorCalls, args: argparse.Namespace) -> Answer:
    if args.name is None:
        return await calls.ask("GET", "/v1/scale", Answer)
    if args.dry_run:
        found = (await calls.ask("GET", "/v1/scale", Answer))["instances"]
        named = [one for one in found if one["name"] == args.name]
        if not named:
            raise WrongUsage(f"No launch is called {args.name}; see `atoll scale launches`.")
        return dict(named[0])
    path = f"/v1/scale/launches/{quote(args.name, safe='')}"
    return await calls.ask("POST", path, Answer, {"does": args.what})


def _show(answer: Answer, *, explain: bool) -> None:
    if explain:
        if answer["dry_run"]:
            note("The policy says dry_run: nothing is started.")
        rows = [(v["region"], _outcome(v), "; ".join(v["why"])) for v in answer["verdicts"]]
        show_table("Growth", ("REGION", "DECISION", "BECAUSE"), rows)
    columns = ("NODE", "REGION", "SET", "STATE", "TRY", "DECIDED", "WHY", "TROUBLE")
    launches = [
        (
            i["name"],
            i["region"],
            i["set"],
            i["state"],
            i["tries"],
            _time(i["decided_at"]),
            i["why"],
            i["error"],
        )
        for i in answer["instances"]
    ]
    show_table("Launches", columns, launches)


def _outcome(verdict: Answer) -> str:
    if verdict["launches"]:
        return "starts " + ", ".join(verdict["launches"])
    return f"cannot grow: {verdict['blocked']}" if verdict["blocked"] else "stays as it is"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
