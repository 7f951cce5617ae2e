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

from power_cut import after_the_cut
from volatile_disk import VolatileDisk


class Power:
    """When the cut comes, and what happens then. Its lock is the disk's."""

    def __init__(self, disk: VolatileDisk, image: Path, say: Callable[[str], None]) -> None:
        self.disk, self._image, self._say = disk, image, say
        self.lock = threading.RLock()
        self._off = False
        self._order: tuple[int, int, int, str] | None = None  # changes left, process to kill, seed, where

    def arm(self, changes: int, process: int, seed: int, where: str) -> None:
        """See disk_process.py."""
        with self.lock:
            self._order = (changes, process, seed, where)

    def check(self) -> None:
        """EIO when the power is off."""
        if self._off:
            raise OSError(errno.EIO, "the power is off")

    def change(self, what: str) -> None:
        """A change is about to be made: perhaps it is the one that the cut comes before."""
        self.check()
        if self._order is None or self._order[3] not in what:
            return
        left, process, seed, where = self._order
        self._order = (left - 1, process, seed, where)
        if left <= 0:
            self.cut(process, seed, f"before {what}")
            self.check()

    def cut(self, process: int, seed: int, when: str) -> None:
        """Kill, keep what is stable, answer nobody any more."""
        with self.lock:
            if self._off:
                return
            self._off = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            after = after_the_cut(self.disk, random.Random(seed) if seed else None)
            self._image.write_bytes(pickle.dumps(after))
            self._say(f"cut {when}")
