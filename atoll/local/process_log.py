"""The log file of a supervised process: opened for appending, bounded at each start, quoted in errors.

The bound is kept at a start only (one older file is kept): engines write a few lines per start, and a
child that owns its file descriptor cannot be rotated under its feet.
"""

from __future__ import annotations

import os
from pathlib import Path

MAX_BYTES = 8 * 1024 * 1024
_TAIL_BYTES = 4096


def open_log(path: Path, max_bytes: int = MAX_BYTES) -> int:
    """A descriptor that appends to `path`, readable by its owner only; a longer file first becomes `.1`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > max_bytes:
        path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def last_lines(path: Path, count: int = 8) -> str:
    """The last `count` lines of the log, to be quoted in an error; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-count:])
