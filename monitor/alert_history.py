"""What alarmed and when it ended: one JSON line each, in two files that are bounded. I/O.

Written by a thread, read once at the start. It is for people; nothing is decided by it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from monitor.alerts import Alert

log = logging.getLogger(__name__)

KEPT = 2000  # alerts in memory
MAX_BYTES = 4 * 2**20  # of one file; then it becomes the older one


class AlertHistory:
    """`alert_history.jsonl` and `alert_history.1.jsonl` in the state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "alert_history.jsonl"
        self._last: deque[Alert] = deque(maxlen=KEPT)

    def load(self) -> None:
        """Read what was written in earlier lives. Blocks; called once."""
        for path in (self._path.with_suffix(".1.jsonl"), self._path):
            try:
                lines = path.read_bytes().splitlines()
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("the history of alerts cannot be read: %s", error)
                continue
            self._last.extend(_readable(lines))

    def latest(self, count: int) -> list[Alert]:
        """The newest first."""
        return list(self._last)[-count:][::-1]

    async def add(self, alerts: Sequence[Alert]) -> None:
        """Keep these."""
        self._last.extend(alerts)
        body = b"".join(msgspec.json.encode(alert) + b"\n" for alert in alerts)
        try:
            await asyncio.to_thread(self._append, body)
        except OSError as error:
            log.error("the history of alerts cannot be written: %s", error)

    def _append(self, body: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
            self._path.rename(self._path.with_suffix(".1.jsonl"))
        with self._path.open("a+b") as file:
            file.write(_line_end(file) + body)


def _line_end(file: BinaryIO) -> bytes:
    """What ends a line that a crash cut off, so that the next one does not continue it."""
    if file.tell() == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


def _readable(lines: Iterable[bytes]) -> Iterable[Alert]:
    """A line that a crash cut off is left out."""
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Alert)
        except msgspec.MsgspecError:
            continue
