"""Growth: why each region grows, shrinks or stays; what was started, what leaves; and orders by hand.

atoll scale explain               every region's figures and decision, then launches and departures
atoll scale launches              launches and departures alone
atoll scale in NODE               have a replica leave: drained, removed, its machine ended
atoll scale in SET                have a whole set leave that never held an image
atoll scale try FILE              what this policy would decide now; it is not in force, nothing changes
atoll scale retry NAME            try something again that was given up
atoll scale forget NAME           look away from it, so that its region may grow again

With --dry-run, `in`, `retry` and `forget` say what they would do, or what forbids it, and change nothing.
With `dry_run = true` in the policy all is decided and explained, and nothing is started and nothing leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from atoll.cli.access import add_shared, find_access
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.output import emit_json, note, say
from atoll.cli.scale_tables import show_growth, show_orders
from atoll.client.monitor_calls import MonitorCalls

Answer = dict[str, Any]
ORDERS = ("in", "retry", "forget")
TRIED = ("region", "monthly_budget")  # of a policy; who starts machines, and with which secret, stays here


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll scale`."""
    add_shared(parser)
    parser.add_argument("what", nargs="?", default="explain", choices=("explain", "launches", "try", *ORDERS))
    parser.add_argument("name", nargs="?", help="in: a node or a set; retry, forget: a node; try: a file")
    parser.add_argument("--dry-run", action="store_true", help="in, retry, forget: only say what would be")


def run(args: argparse.Namespace) -> int:
    """Ask or order; print the answer."""
    access = find_access(args)
    if access.monitor is None:
        raise WrongUsage("No monitor is named: monitor_url in the settings (ATOLL_MONITOR_URL).")
    if (args.what in {"try", *ORDERS}) != (args.name is not None):
        raise WrongUsage("in, retry, forget and try want a name; the others nothing.")
    if args.dry_run and args.what not in ORDERS:
        raise WrongUsage(f"--dry-run is for {', '.join(ORDERS)}: {args.what} changes nothing anyway.")
    calls = MonitorCalls(access.monitor, access.api_key, access.settings.tls_ca_file)
    answer = asyncio.run(_ask(calls, args))
    if args.json:
        emit_json(answer)
    else:
        _show(answer, args)
    return Exit.OK


async def _ask(calls: MonitorCalls, args: argparse.Namespace) -> Answer:
    if args.what == "try":
        return await calls.ask("POST", "/v1/scale/try", Answer, _policy(Path(args.name)))
    if args.what == "in":
        order = {"name": args.name, "dry_run": args.dry_run}
        return await calls.ask("POST", "/v1/scale/in", Answer, order)
    if args.what in ORDERS:
        path = f"/v1/scale/launches/{quote(args.name, safe='')}"
        return await calls.ask("POST", path, Answer, {"does": args.what, "dry_run": args.dry_run})
    return await calls.ask("GET", "/v1/scale", Answer)


def _policy(file: Path) -> Answer:
    """What of the policy in a file the monitor may see."""
    try:
        document = tomllib.loads(file.read_text())
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are
        raise WrongUsage(f"{file} is no TOML: {error}") from error
    return {"region": {}} | {key: document[key] for key in TRIED if key in document}


def _show(answer: Answer, args: argparse.Namespace) -> None:
    if args.what == "try":
        note("This policy is not in force: so it would decide now, and nothing is changed.")
        show_growth(answer)
    elif args.what == "in":
        for one in answer["departures"]:
            told = "its machine is ended then" if one["launched"] else "end its machine yourself then"
            does = "would leave" if args.dry_run else "leaves"
            say(does, one["name"], f"set {one['set']}, region {one['region']}", told)
    elif args.what in ORDERS:
        say(f"would {args.what}" if args.dry_run else args.what, answer["name"], answer["error"])
    else:
        if args.what == "explain":
            if answer["dry_run"]:
                note("The policy says dry_run: nothing is started, and nothing leaves.")
            show_growth(answer)
        show_orders(answer)
