"""Printing: JSON or words on standard output, errors on standard error.

Text from outside (names, problem details) never reaches a terminal with its control characters.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from atoll.errors import AtollError, Failed, Forbidden, NoSpace, OutwardRefused, Unauthorized, Unavailable
from atoll.settings import SettingsError

_HIDDEN_FACTS = frozenset({"retry_after", "http_status"})
_HINTS: tuple[tuple[type[AtollError], str | None], ...] = (
    (OutwardRefused, None),  # it is about the URL, whatever the key; its detail says what to do
    (Forbidden, "Use an API key with the scope it names."),
    (Unauthorized, "Check the API key: --cluster DIR, or ATOLL_API_KEY_FILE."),
    (NoSpace, "Free space on the node, or add nodes; then run the same command again."),
    (Unavailable, "See `atoll status`, then run the same command again."),
    (Failed, "Run the same command again; if it stays, look at the daemons' logs."),
)


def printable(value: object) -> str:
    """`value` as text without control or invisible characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def emit_json(document: Any) -> None:
    """One JSON document on one line of standard output."""
    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
    sys.stdout.flush()


def say(*values: object) -> None:
    """One line of standard output, values separated by tabs."""
    sys.stdout.write("\t".join(printable(value) for value in values) + "\n")


def note(text: str) -> None:
    """One line to people, on standard error."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table: drawn on a terminal; elsewhere a line of headings, then lines, separated by tabs."""
    texts = [[printable("" if value is None else value) for value in row] for row in rows]
    if not on_terminal():
        say(*columns)
        for row in texts:
            say(*row)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for index in (said := _said(len(columns), texts)):
        drawn.add_column(columns[index], overflow="fold")
    for row in texts:
        drawn.add_row(*(Text(row[index]) for index in said))
    Console().print(drawn)


def _said(columns: int, rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns that say something; the others only cost width. All, when there are no rows."""
    return [index for index in range(columns) if not rows or any(row[index] for row in rows)]


def show_error(error: AtollError, *, about: str | None = None) -> None:
    """Title, detail, facts and what to do, on standard error; red on a terminal."""
    red, plain = ("\x1b[31m", "\x1b[0m") if sys.stderr.isatty() else ("", "")
    prefix = "" if about is None else f"{printable(about)}: "
    sys.stderr.write(f"{prefix}{red}{printable(error.title)}{plain}\n")
    for line in error.detail.splitlines():
        sys.stderr.write(f"  {printable(line)}\n")
    for name, value in error.facts.items():
        if name not in _HIDDEN_FACTS and value is not None:
            sys.stderr.write(f"  {printable(name)}:{_fact(value)}\n")
    if hint := _hint(error):
        sys.stderr.write(f"  → {hint}\n")
    sys.stderr.flush()


def _fact(value: object) -> str:
    if isinstance(value, dict):
        return "".join(f"\n    {printable(key)}: {printable(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return " " + ", ".join(printable(item) for item in value)
    return f" {printable(value)}"


def on_terminal() -> bool:
    """Whether people read standard output; programs get the same facts separated by tabs."""
    return sys.stdout.isatty()


def _hint(error: AtollError) -> str | None:
    if isinstance(error, SettingsError):
        return None  # its text says what to do
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), None)


def size(count: int | None) -> str:
    """Bytes for people: 1.5 GiB."""
    if count is None:
        return "?"
    value, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"
