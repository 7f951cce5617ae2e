"""The power of a volatile disk: when it is cut, and what happens at that instant. Used by disk_process.py."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from power_cut import after_the_cut
from volatile_disk import VolatileDisk


class Order(NamedTuple):
    """Kill `process` before the change after so many `changes` `where`; and cut, unless it is but a crash."""

    changes: int
    process: int
    seed: int
    where: str
    crash: bool


class Power:
    """When the cut comes, and what happens then. Its lock is the disk's."""

    def __init__(self, disk: VolatileDisk, image: Path, say: Callable[[str], None]) -> None:
        self.disk, self._image, self._say = disk, image, say
        self.lock = threading.RLock()
        self._off = False
        self._order: Order | None = None

    def arm(self, order: Order) -> None:
        """See disk_process.py."""
        with self.lock:
            self._order = order

    def check(self) -> None:
        """EIO when the power is off."""
        if self._off:
            raise OSError(errno.EIO, "the power is off")

    def change(self, what: str) -> None:
        """A change is about to be made: perhaps it is the one that the cut comes before."""
        self.check()
        order = self._order
        if order is None or order.where not in what:
            return
        if order.changes > 0:
            self._order = order._replace(changes=order.changes - 1)
            return
        if order.crash:
            self.crash(order.process, f"before {what}")
            raise OSError(errno.EIO, "the process is dead")
        self.cut(order.process, order.seed, f"before {what}")
        self.check()

    def crash(self, process: int, when: str) -> None:
        """Kill, once for each order, and go on."""
        with self.lock:
            if self._order is not None and self._order.crash:
                self._order = None
                _kill(process)
                self._say(f"crash {when}")

    def cut(self, process: int, seed: int, when: str) -> None:
        """Kill, keep what is stable, answer nobody any more."""
        with self.lock:
            if self._off:
                return
            self._off = True
            _kill(process)
            after = after_the_cut(self.disk, random.Random(seed) if seed else None)
            self._image.write_bytes(pickle.dumps(after))
            self._say(f"cut {when}")


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
