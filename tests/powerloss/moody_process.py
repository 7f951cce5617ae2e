"""A process that shows a disk to the kernel which is full, read-only or broken when it is told so.

python moody_process.py MOUNTPOINT IMAGE     orders on standard input, each answered by "done":

room N      so many bytes more, then it is full
refuse N    every change is refused with this errno
well        as good as new
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path
from typing import Any

from disk_process import unmount
from power import Power
from shown_disk import Fuse, ShownDisk
from volatile_disk import File, VolatileDisk

_BLOCK = 4096
_GROWS = ("creating", "making")  # these need a block, as writing does


class Mood(Power):
    """The power stays on; the disk has moods."""

    refusal = 0
    left: int | None = None

    def change(self, what: str) -> None:
        super().change(what)
        if self.refusal:
            raise OSError(self.refusal, what)
        if what.startswith(_GROWS):
            self.grow(_BLOCK)

    def grow(self, count: int) -> None:
        """Take room, or ENOSPC."""
        if self.left is None:
            return
        if count > self.left:
            raise OSError(errno.ENOSPC, "full")
        self.left -= count

    def obey(self, order: list[str]) -> None:
        """One line of standard input."""
        with self.lock:
            match order:
                case ["room", count]:
                    self.left = int(count)
                case ["refuse", number]:
                    self.refusal = int(number)
                case ["well"]:
                    self.left, self.refusal = None, 0


class ShownMoodyDisk(ShownDisk):
    """Counts what is written, and says how much room there is."""

    def __init__(self, mood: Mood) -> None:
        super().__init__(mood)
        self._mood = mood

    def write(self, path: str | None, data: bytes, offset: int, fh: int) -> int:
        with self._mood.lock:
            entry = self._entry(path, fh)
            assert isinstance(entry, File)
            self._mood.grow(max(0, offset + len(data) - len(entry.live)))
            return super().write(path, data, offset, fh)

    def statfs(self, path: str) -> dict[str, int]:
        facts = super().statfs(path)
        if self._mood.left is not None:
            facts["f_bavail"] = facts["f_bfree"] = self._mood.left // _BLOCK
        return facts


def _obey(mood: Mood, mountpoint: Path) -> None:
    for line in sys.stdin:
        mood.obey(line.split())
        _say("done")
    unmount(mountpoint)
    os._exit(0)  # the serving thread may hang on a kernel that has nobody to ask for any more


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(mountpoint: Path, image: Path) -> None:
    mood = Mood(VolatileDisk(), image, _say)
    threading.Thread(target=_obey, args=(mood, mountpoint), name="orders", daemon=True).start()
    shown: Any = ShownMoodyDisk(mood)
    Fuse(shown, str(mountpoint), foreground=True, nothreads=True, hard_remove=True, use_ino=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
