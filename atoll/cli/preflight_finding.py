"""What `atoll preflight` finds: one line each, and what to do when it is not well. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

# failed: a daemon would not start here, or promise what it cannot keep; warning: slower or shorter-lived.
Level = Literal["ok", "warning", "failed"]
_RANK = {"failed": 0, "warning": 1, "ok": 2}


class Look(Struct, frozen=True):
    """`check` names what was looked at, `found` says how it is; `todo` is empty when all is well."""

    check: str
    level: Level
    found: str
    todo: str = ""


def well(check: str, found: str) -> Look:
    """Nothing to do."""
    return Look(check, "ok", found)


def bad(check: str, found: str, todo: str, *, fails: bool = True) -> Look:
    """Something to do; without `fails` the daemons would run all the same."""
    return Look(check, "failed" if fails else "warning", found, todo)


def in_order(looks: Iterable[Look]) -> list[Look]:
    """The worst first, else as they were looked at."""
    return sorted(looks, key=lambda look: _RANK[look.level])


def verdict(looks: Sequence[Look]) -> Level:
    """The worst level there is."""
    return min((look.level for look in looks), key=_RANK.__getitem__, default="ok")
