"""One supervisor per data directory: two NATS servers on one store destroy it.

The lock belongs to an open file, not to a process: the guard process inherits it, so that after a kill the
directory is free only when the last engine has ended. A new supervisor waits for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from pathlib import Path

from atoll.local.engine_errors import EngineError

_POLL = 0.05
_OWNER_LIVES_WAIT = 1.0  # it may just be ending


async def lock_directory(directory: Path, wait: float) -> int:
    """A descriptor that holds the lock until it, and all that inherited it, are closed.

    Waits up to `wait` seconds for a dead owner's guard to finish. Raises EngineError when it is taken.
    """
    fd = _open(directory)
    try:
        await _take(fd, directory, wait)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
    except BaseException:  # cancelled too: the descriptor must not stay open
        os.close(fd)
        raise
    return fd


def _open(directory: Path) -> int:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)


async def _take(fd: int, directory: Path, wait: float) -> None:
    started = time.monotonic()
    while not _try(fd):
        owner = _owner(fd)
        if time.monotonic() - started > (_OWNER_LIVES_WAIT if _lives(owner) else wait):
            raise EngineError(
                f"{directory} is in use by process {owner}: stop it, or choose another directory"
            )
        await asyncio.sleep(_POLL)


def _try(fd: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _owner(fd: int) -> int | None:
    text = os.pread(fd, 20, 0)
    return int(text) if text.isdigit() else None


def _lives(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # someone else's process: it lives
        return True
    return True
