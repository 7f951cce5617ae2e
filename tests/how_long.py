"""How much the longest stories do: as much as CI has time for, or all (`make test LONG=1`, ATOLL_LONG=1)."""

from __future__ import annotations

import os

LONG = os.environ.get("ATOLL_LONG", "") not in {"", "0"}


def much(usual: int, long: int) -> int:
    """A number of files, rounds or examples; each caller says what the smaller number still shows."""
    return long if LONG else usual
