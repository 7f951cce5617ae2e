"""Results as a table on the terminal, as JSON and as Markdown.

A run of some benchmarks replaces theirs in results/latest.json and leaves the others', each with the
machine and the time it ran at.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from benchmarks.result import Result

FILE = "latest.json"


class Entry(Struct, frozen=True):
    """A benchmark's latest result, where and when it was found (UTC)."""

    result: Result
    machine: dict[str, str]
    at: str


Entries = dict[str, Entry]


def entry(result: Result, machine: dict[str, str]) -> Entry:
    """An entry of now."""
    return Entry(result, machine, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


def load(directory: Path) -> Entries:
    """The latest results; empty when there are none."""
    file = directory / FILE
    return msgspec.json.decode(file.read_bytes(), type=Entries) if file.exists() else {}


def save(directory: Path, new: Entries) -> Path:
    """Put `new` into latest.json and write latest.md from all; returns the latter."""
    directory.mkdir(parents=True, exist_ok=True)
    entries = load(directory) | new
    (directory / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
    page = directory / "latest.md"
    page.write_text(markdown(entries))
    return page


def markdown(entries: Entries) -> str:
    """All entries as one page."""
    parts = ["# Benchmarks\n\nMedians (lowest to highest round). Made by `make bench`.\n"]
    parts += [_section(name, entries[name]) for name in sorted(entries)]
    return "\n".join(parts)


def _section(name: str, found: Entry) -> str:
    result = found.result
    lines = [f"## {result.title}\n", "| what | measured |", "|---|---|"]
    lines += [f"| {series.name} | {series.text} |" for series in result.series]
    lines += [f"| **{m.name}** | **{m.text}: {_verdict(m.passed)}** |" for m in result.marks]
    lines += [f"| **{gone.peer}** | **absent: {gone.why}** |" for gone in result.absent]
    lines += ["", *(f"- {note}" for note in (*result.notes, *processes(result)))]
    machine = "; ".join(f"{what}: {value}" for what, value in found.machine.items())
    return "\n".join([*lines, f"- `make bench-{name}` on {found.at}; {machine}.", ""])


def processes(result: Result) -> list[str]:
    """What ran, as a note."""
    if not result.processes:
        return []
    return ["CPU time, and peak memory of the largest: " + "; ".join(use.text for use in result.processes)]


def _verdict(passed: bool) -> str:
    return "pass" if passed else "MISSED"


def show_together(console: Console, results: Mapping[str, Result]) -> None:
    """Every mark of a run in one table, and who was absent."""
    table = Table(title="All marks of this run", title_justify="left")
    for column in ("benchmark", "what", "measured", "wanted", ""):
        table.add_column(column)
    for name, result in results.items():
        for mark in result.marks:
            verdict = "[green]pass" if mark.passed else "[red]MISSED"
            table.add_row(name, mark.name, mark.measured, mark.wanted, verdict)
        for gone in result.absent:
            table.add_row(name, gone.peer, "absent", gone.why, "[yellow]absent")
    console.print(table)


def show(console: Console, result: Result) -> None:
    """One result as a table."""
    table = Table(title=result.title, title_justify="left", show_header=False)
    for series in result.series:
        table.add_row(series.name, series.text)
    for mark in result.marks:
        colour = "green" if mark.passed else "red"
        table.add_row(f"[bold]{mark.name}", f"[bold {colour}]{mark.text}: {_verdict(mark.passed)}")
    for gone in result.absent:
        table.add_row(f"[bold]{gone.peer}", f"[bold yellow]absent: {gone.why}")
    console.print(table)
    for note in (*result.notes, *processes(result)):
        console.print(f"[dim]{note}", highlight=False)
