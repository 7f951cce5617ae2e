"""Windows of the name index: from where to where names are looked at. Pure.

Bounded on both sides where that is possible, so that no name outside is looked at. Used by the listing
(`catalog`) and by searches (`search_plan`).
"""

from __future__ import annotations

import sys
from typing import Any

_FIRST_SURROGATE, _AFTER_SURROGATES = 0xD800, 0xE000  # no valid text holds one of these


def name_window(prefix: str, behind: str | None, *, descending: bool = False) -> dict[str, Any]:
    """Names that start with `prefix`, those behind `behind` in the order of the walk."""
    window: dict[str, str] = {"$gte": prefix}
    end = first_beyond(prefix)
    if end is not None:
        window["$lt"] = end
    if behind is not None and descending:
        window["$lt"] = behind if end is None else min(behind, end)
    elif behind is not None and behind >= prefix:
        window = {"$gt": behind} | ({} if end is None else {"$lt": end})
    return {"public_id": window}


def first_beyond(prefix: str) -> str | None:
    """The least string greater than all that start with `prefix`; None when there is none."""
    while prefix:
        last = ord(prefix[-1]) + 1
        if last == _FIRST_SURROGATE:
            last = _AFTER_SURROGATES
        if last <= sys.maxunicode:
            return prefix[:-1] + chr(last)
        prefix = prefix[:-1]
    return None
