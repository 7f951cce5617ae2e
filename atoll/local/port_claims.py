"""Ports that this user's programs have chosen: no two choose the same, though nobody may listen there yet.

A claim is a lock on the byte at the port's number in one file that all of them share (a record lock,
fcntl(2)): it ends with its process, however that ends. Such locks are lost when their process closes the file
by any descriptor, so this is the one place that opens it, once.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType

_claimed_here: set[int] = set()


class PortClaims:
    """One owner's claims, for as long as the context lasts."""

    def __init__(self) -> None:
        self._ports: set[int] = set()

    def __enter__(self) -> PortClaims:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for port in self._ports:
            _claimed_here.discard(port)
            _unlock(port)
        self._ports.clear()

    def claim(self, port: int) -> bool:
        """Whether it is this owner's now; False: another has it, in this process or in one beside it."""
        if port in self._ports:
            return True
        if port in _claimed_here or not _lock(port):
            return False
        self._ports.add(port)
        _claimed_here.add(port)
        return True


def _lock(port: int) -> bool:
    file = _file()
    if file is None:
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, as the system has it
        return False
    return True


def _unlock(port: int) -> None:
    file = _file()
    if file is not None:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, port)


@cache
def _file() -> int | None:
    """None: the file is somebody else's. Claims then hold within this process only."""
    path = Path(tempfile.gettempdir()) / f"atoll-ports-{os.getuid()}.lock"
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
