"""`python -m atoll.transformation PAGE…` makes the tables in each page anew, from the code."""

from __future__ import annotations

import sys
from pathlib import Path

from atoll.transformation.reference import updated


def main(pages: list[str]) -> None:
    """Rewrites each page whose tables are out of date."""
    for name in pages:
        page = Path(name)
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
