"""The alerts that stand; who is told; acknowledge and silence them.

atoll alerts                              what stands now
atoll alerts history                      what began, changed and ended
atoll alerts channels                     how each channel fares
atoll alerts ack ALERT --why "…"          somebody sees to it: no reminders, no escalation
atoll alerts silence 2h --name 'eu-*'     tell nothing of what matches
atoll alerts silences | end ID            the silences that hold; end one
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from atoll.cli.access import add_shared, find_access
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.output import emit_json, say, show_table
from atoll.cli.spans import span
from atoll.client.monitor_calls import MonitorCalls

Answer = dict[str, Any]
_VERBS = ("list", "history", "channels", "ack", "silence", "silences", "end")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll alerts`."""
    add_shared(parser)
    parser.add_argument("what", nargs="?", default="list", choices=_VERBS)
    parser.add_argument("which", nargs="?", help="ack: the alert's key or id; silence: how long; end: its id")
    parser.add_argument("--why", default="", help="said to whoever looks")
    for pattern in ("rule", "name", "region"):
        parser.add_argument(f"--{pattern}", default="*", metavar="PATTERN", help="silence: only these")


def run(args: argparse.Namespace) -> int:
    """Ask or order; print the answer."""
    access = find_access(args)
    if access.monitor is None:
        raise WrongUsage("No monitor is named: monitor_url in the settings (ATOLL_MONITOR_URL).")
    if (args.what in {"ack", "silence", "end"}) != (args.which is not None):
        raise WrongUsage(
            "ack wants an alert, silence a time such as 2h, end a silence's id; the others nothing."
        )
    calls = MonitorCalls(access.monitor, access.api_key, access.settings.tls_ca_file)
    answer = asyncio.run(_ask(calls, args))
    if args.json:
        emit_json(answer)
    else:
        _show(args.what, answer)
    return Exit.OK


async def _ask(calls: MonitorCalls, args: argparse.Namespace) -> Answer:
    asked: dict[str, Callable[[], Awaitable[Answer]]] = {
        "list": lambda: calls.ask("GET", "/v1/alerts", Answer),
        "history": lambda: calls.ask("GET", "/v1/alerts/history", Answer),
        "channels": lambda: calls.ask("GET", "/v1/channels", Answer),
        "silences": lambda: calls.ask("GET", "/v1/silences", Answer),
        "ack": lambda: calls.acknowledge(args.which, args.why),
        "silence": lambda: calls.silence(_seconds(args.which), args.rule, args.name, args.region, args.why),
        "end": lambda: calls.unsilence(args.which),
    }
    return await asked[args.what]()


def _seconds(text: str) -> int:
    try:
        return span(text)
    except argparse.ArgumentTypeError as error:
        raise WrongUsage(str(error)) from error


def _show(what: str, answer: Answer) -> None:
    if what in {"list", "history"}:
        show_table("Alerts", ("LEVEL", "SINCE", "ALERT", "WHAT", "NOTE"), [_row(a) for a in answer["alerts"]])
    elif what == "channels":
        say(f"leader: {answer['leader'] or 'none'}")
        columns = ("name", "kind", "sent", "waiting", "waiting_seconds", "failures", "error")
        show_table(
            "Channels", [c.upper() for c in columns], [[c[k] for k in columns] for c in answer["channels"]]
        )
    elif what == "silences":
        said = ("id", "rule", "name", "region", "by", "why")
        rows = [[*(s[k] for k in said), _time(s["until"])] for s in answer["silences"]]
        show_table("Silences", [*(c.upper() for c in said), "UNTIL"], rows)
    else:
        say("\t".join(f"{key}={value}" for key, value in answer.items()))


def _row(alert: Answer) -> tuple[object, ...]:
    notes = [alert.get("transition", "")]
    if alert.get("acknowledged_by"):
        notes.append(f"acknowledged by {alert['acknowledged_by']}")
    if alert.get("silenced_until"):
        notes.append(f"silenced until {_time(alert['silenced_until'])}")
    since = _time(alert["at"] if "transition" in alert else alert["since"])
    return alert["level"], since, alert["key"], alert["detail"], ", ".join(n for n in notes if n)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
