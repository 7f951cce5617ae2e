"""A full disk, said in words: the system's own errors name neither it nor what to do. Blocking.

Called where the local cluster writes its first files, and where a process of it has failed: its log may be
empty for the same reason.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from atoll.local.engine_errors import EngineError

SCARCE_BYTES = 16 * 1024 * 1024  # with less the engines do not start
_OF_DISKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def lack_of_space(directory: Path) -> str:
    """What to do when the disk that has `directory` is as good as full; empty when it is not."""
    try:
        free = shutil.disk_usage(directory).free
    except OSError:
        return ""
    if free >= SCARCE_BYTES:
        return ""
    return f"The disk of {directory} has {free // 1024:,} KiB free: make room there, or give another --data."


@contextlib.contextmanager
def disk_errors(directory: Path) -> Iterator[None]:
    """Raise what a disk refuses as `EngineError`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_DISKS:
            raise
        what = f"{error.filename or directory}: {error.strerror}."
        raise EngineError(f"{what} {lack_of_space(directory)}".rstrip()) from error
