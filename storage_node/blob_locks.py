"""One lock per blob (striped): nobody unlinks a file while another is about to commit its row.

Held from the rename into place to the index commit (uploads, pulls, repairs), and from the last look at
the index to the unlink (deletes, quarantine). Blocking. Taken by one thread and released by another.

With several worker processes a stripe is a byte of a file as well (open file description locks, fcntl(2)):
the kernel gives back what a killed process held.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol

_STRIPES = 1024
_FLOCK = "hhqqi4x"  # struct flock on 64-bit Linux: type, whence, start, length, pid


class Lock(Protocol):
    """`with lock: …`, or both halves by themselves."""

    def acquire(self) -> bool: ...

    def release(self) -> None: ...

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class _Stripe:
    """A thread's lock, and then a byte of the file: two threads of one process do not exclude each other
    there."""

    def __init__(self, file: int, byte: int) -> None:
        self._threads, self._file, self._byte = threading.Lock(), file, byte

    def acquire(self) -> bool:
        self._threads.acquire()
        try:
            self._set(fcntl.F_WRLCK)
        except BaseException:
            self._threads.release()
            raise
        return True

    def release(self) -> None:
        try:
            self._set(fcntl.F_UNLCK)
        finally:
            self._threads.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _set(self, kind: int) -> None:
        fcntl.fcntl(self._file, fcntl.F_OFD_SETLKW, struct.pack(_FLOCK, kind, os.SEEK_SET, self._byte, 1, 0))


class BlobLocks:
    """`with locks.of(sha256): …`. `file`: one that all processes of the node have open, each by itself."""

    def __init__(self, file: int | None = None) -> None:
        self._locks: list[Lock] = [
            threading.Lock() if file is None else _Stripe(file, byte) for byte in range(_STRIPES)
        ]

    def of(self, sha256: str) -> Lock:
        """The lock of this blob, shared with one in a thousand others."""
        return self._locks[_stripe(sha256)]

    def acquire_all(self, blobs: Iterable[str]) -> HeldLocks:
        """Acquire the locks of several blobs, always in the same order: so two who do cannot wait for each
        other. Whoever waits here has none but these."""
        names = list(blobs)
        held: list[Lock] = []
        try:
            for stripe in sorted({_stripe(sha256) for sha256 in names}):
                self._locks[stripe].acquire()
                held.append(self._locks[stripe])
        except BaseException:
            for lock in held:
                lock.release()
            raise
        return HeldLocks(held, len(names))


def _stripe(sha256: str) -> int:
    return int(sha256[:8], 16) % _STRIPES


class HeldLocks:
    """Locks of blobs that are being kept together; released when the last of `blobs` is done. Any thread."""

    def __init__(self, locks: Sequence[Lock], blobs: int) -> None:
        self._locks, self._left = locks, blobs
        self._counting = threading.Lock()

    def release(self) -> None:
        """One blob is done."""
        with self._counting:
            self._left -= 1
            last = not self._left
        if last:
            for lock in self._locks:
                lock.release()
