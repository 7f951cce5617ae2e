"""The standing alerts on disk, so that a restart of the monitor neither forgets nor repeats them. I/O.

A lost or unreadable file costs little: what still holds is raised anew from the next heartbeats.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec

from atoll.atomic_file import write_atomically
from monitor.alerts import CapacityAlert

log = logging.getLogger(__name__)


class AlertMemory:
    """`alerts.json` in the monitor's state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "alerts.json"

    def load(self) -> list[CapacityAlert]:
        """The alerts that stood when the monitor ended. Blocks; called once, before anything runs."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[CapacityAlert])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("the remembered alerts are unreadable and ignored: %s", error)
            return []

    async def save(self, standing: list[CapacityAlert]) -> None:
        """Remember these. A full disk is logged, never fatal: the monitor is needed most just then."""
        try:
            await asyncio.to_thread(write_atomically, self._path, msgspec.json.encode(standing))
        except OSError as error:
            log.error("the standing alerts cannot be remembered: %s", error)
