"""Writes every page that is made from the code. usage: python -m making (from docs/)

`PAGES` is all of them, for the test as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from making.decisions_page import decisions_page
from making.events_page import events_page
from making.operations_page import operations_page
from making.problems_page import problems_page
from making.settings_page import settings_page

DOCS = Path(__file__).parents[1]
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/settings.md": settings_page,
    "reference/http.md": operations_page,
    "reference/problems.md": problems_page,
    "reference/events.md": events_page,
    "decisions/README.md": decisions_page,
}


def main() -> None:
    """Each into its file."""
    for name, made in PAGES.items():
        (DOCS / name).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
