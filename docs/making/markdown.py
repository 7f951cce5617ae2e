"""Pieces of Markdown that all pages use. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

NOTICE = "<!-- Made by `make reference`: change the code it names, not this page. -->"


def code(text: str) -> str:
    """`text` as code, or nothing for nothing."""
    return f"`{text}`" if text else ""


def cell(text: str) -> str:
    """`text` in one line, and nothing in it that ends a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; every cell is escaped here."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def about(cls: type) -> str:
    """What a class says of itself, a paragraph a line; nothing if only its base says something."""
    text = inspect.cleandoc(vars(cls).get("__doc__") or "")
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def page(*parts: str) -> str:
    """The whole of it, as it lies in a file."""
    title, *others = parts
    return "\n\n".join([title, NOTICE, *others]) + "\n"
