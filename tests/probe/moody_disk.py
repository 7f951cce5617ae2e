"""A disk that is full, read-only or broken when a story says so: ENOSPC, EROFS, EIO of a real file system."""

from __future__ import annotations

import errno
from pathlib import Path

import lossy_disk
from lossy_disk import LossyDisk


class MoodyDisk(LossyDisk):
    """Mounted at `<directory>/mount`; in no bad mood at first."""

    program = Path(lossy_disk.__file__).with_name("moody_process.py")

    def room(self, count: int) -> None:
        """So many bytes more."""
        self._tell(f"room {count}")

    def refuse(self, number: int) -> None:
        """Every change, with this errno."""
        self._tell(f"refuse {number}")

    def read_only(self) -> None:
        """As after `mount -o remount,ro`, or as ext4 does by itself after an error."""
        self.refuse(errno.EROFS)

    def recover(self) -> None:
        """Room for everything, and nothing is refused."""
        self._tell("well")

    def _tell(self, order: str) -> None:
        self._order(order)
        self._hear("done")
