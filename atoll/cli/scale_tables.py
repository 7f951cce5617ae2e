"""What `atoll scale` prints: the decision of each region, launches, departures. Prints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from atoll.cli.output import show_table

Answer = dict[str, Any]


def show_growth(answer: Answer) -> None:
    """Every region of the policy: what is decided, and why."""
    rows = [(v["region"], _outcome(v), "; ".join(v["why"])) for v in answer["verdicts"]]
    show_table("Growth", ("REGION", "DECISION", "BECAUSE"), rows)


def show_orders(answer: Answer) -> None:
    """The nodes that were started, and those that leave or left."""
    columns = ("NODE", "REGION", "SET", "STATE", "TRY", "DECIDED", "WHY", "TROUBLE")
    show_table("Launches", columns, [_row(one, one["error"]) for one in answer["instances"]])
    if answer["departures"]:
        gone = [_row(one, one["error"] or one["waits"]) for one in answer["departures"]]
        show_table("Departures", columns, gone)


def _row(one: Answer, trouble: str) -> tuple[object, ...]:
    decided = datetime.fromtimestamp(one["decided_at"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (
        one["name"],
        one["region"],
        one["set"],
        one["state"],
        one["tries"],
        decided,
        one["why"],
        trouble,
    )


def _outcome(verdict: Answer) -> str:
    if verdict["launches"]:
        return "starts " + ", ".join(verdict["launches"])
    if verdict["leaves"]:
        return "gives back " + ", ".join(verdict["leaves"])
    return f"cannot grow: {verdict['blocked']}" if verdict["blocked"] else "stays as it is"
