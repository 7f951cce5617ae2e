"""What stands and what channels were told, on disk: a restart neither forgets nor repeats an alert. I/O.

Who was told that a disk is full must be told that it is not, even if the monitor dies between the two. A
lost or unreadable file costs little: what still holds is raised anew from the next heartbeats.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from atoll.atomic_file import write_atomically
from monitor.condition_book import Condition
from monitor.told import Told

log = logging.getLogger(__name__)


class Remembered(Struct, frozen=True):
    """Conditions that stand, and the ledger of every channel by its name; `turn`: how often these changed."""

    standing: tuple[Condition, ...] = ()
    told: dict[str, dict[str, Told]] = {}
    turn: int = 0


class AlertMemory:
    """`alerts.json` in the monitor's state directory."""

    def __init__(
        self, state_dir: Path, write: Callable[[Path, bytes], None] = write_atomically, patience: float = 2.0
    ) -> None:
        """`patience`: seconds that alerts wait at most for the disk."""
        self._path, self._write, self._patience = state_dir / "alerts.json", write, patience
        self._writing: asyncio.Task[None] | None = None

    def load(self) -> Remembered:
        """The alerts as they were when the monitor ended. Blocks; called once, before anything runs."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Remembered)
        except FileNotFoundError:
            return Remembered()
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("the remembered alerts are unreadable and ignored: %s", error)
            return Remembered()

    @property
    def busy(self) -> bool:
        """Whether the disk still owes an answer."""
        return self._writing is not None and not self._writing.done()

    async def save(self, alerts: Remembered) -> bool:
        """Remember these; whether they are. A full or hung disk is logged, not fatal: the monitor is needed
        most just then."""
        if self.busy:
            log.error("the alerts cannot be remembered: the disk has not answered since the last time")
            return False
        write = asyncio.to_thread(self._write, self._path, msgspec.json.encode(alerts))
        self._writing = asyncio.create_task(write, name="remembering alerts")
        self._writing.add_done_callback(_look_at)  # also if it ends when nobody waits any more
        done, _ = await asyncio.wait([self._writing], timeout=self._patience)
        if not done:
            log.error("the alerts cannot be remembered: no answer from the disk in %g s", self._patience)
        elif isinstance(error := self._writing.exception(), OSError):
            log.error("the alerts cannot be remembered: %s", error)
        elif error is not None:
            raise error
        else:
            return True
        return False


def _look_at(write: asyncio.Task[None]) -> None:
    if not write.cancelled():
        write.exception()
