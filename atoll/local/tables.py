"""The look of what `atoll up` and `atoll demo` print: tables as the other verbs draw them. No I/O."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table


def plain_table(title: str, *columns: str, right: frozenset[str] = frozenset()) -> Table:
    """A table under a title; the columns in `right` hold figures. Without columns it has no head."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 2, 0, 0),
        show_header=bool(columns),
    )
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return table
