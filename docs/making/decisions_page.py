"""docs/decisions/README.md: what was decided, a line each, from the first line of each decision."""

from __future__ import annotations

from pathlib import Path

from making.markdown import page

FOLDER = Path(__file__).parents[1] / "decisions"
_INTRO = """\
Choices that somebody will question later: what was chosen, why, what was refused, and what would change our
mind."""


def decisions_page() -> str:
    """The page."""
    return page("# Decisions", _INTRO, "\n".join(map(_line, sorted(FOLDER.glob("[0-9]*.md")))))


def _line(file: Path) -> str:
    title = file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"- [{title}]({file.name})"
