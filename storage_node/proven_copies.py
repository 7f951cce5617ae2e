"""Copies that were read through and found right a moment ago: many derivatives of one cost one proof.

A page asks for its photograph in five sizes at once, and each rendering wants it proven. What was proven is
one file as it lay there: with another inode, size or time of change it is read again. A sector that rots
changes none of these, so a proof holds for some seconds only, in which the bytes that were proven are still
in the system's memory, where a worker reads them. Used by local_copies.py, from any of its threads.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from storage_node.store import BlobKey

SECONDS = 10.0
_MOST = 1024


class Look(NamedTuple):
    """A file as it lies there, without its bytes."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def look_at(path: Path) -> Look | None:
    """None when there is no file, or the disk does not say."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return Look(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class ProvenCopies:
    """`clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._proven: OrderedDict[BlobKey, tuple[Look, float]] = OrderedDict()

    def knows(self, key: BlobKey, look: Look | None) -> bool:
        """Whether the copy at which one looks now was proven just before."""
        with self._lock:
            found = self._proven.get(key)
        return found is not None and found[0] == look and self._clock() - found[1] < SECONDS

    def note(self, key: BlobKey, look: Look | None) -> None:
        """It proved right. `look` is from before its bytes were read."""
        if look is None:
            return
        with self._lock:
            self._proven[key] = look, self._clock()
            self._proven.move_to_end(key)
            if len(self._proven) > _MOST:
                self._proven.popitem(last=False)
