"""One node per data directory: what a start clears away as left over, a node that lives is writing.

    <data>/lock    locked (flock) by the node's first process as long as that lives; who it is, for people

Taken before anything in the directory is opened. The lock belongs to the open file: it goes with the process,
however that ends, and no child has it (the descriptor is closed on exec), so a killed node is started again
at once. Its workers write by their node's leave and take none.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

_POLL_SECONDS = 0.05


def lock_data_dir(directory: Path, patience: float = 2.0) -> int:
    """The descriptor that holds the lock. ValueError when another process has it.

    Waits up to `patience` seconds: who was killed a moment ago may still be ending.
    """
    file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(file, directory, time.monotonic() + patience)
        with suppress(OSError):  # a full disk: the name is for people, the lock is what counts
            os.pwrite(file, b"%-20d\n" % os.getpid(), 0)
    except BaseException:
        os.close(file)
        raise
    return file


def _take(file: int, directory: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise ValueError(_in_use(file, directory)) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _in_use(file: int, directory: Path) -> str:
    owner = os.pread(file, 20, 0).decode("ascii", "replace").strip()
    who = f"process {owner}" if owner.isdigit() else "another process"
    return (
        f"{directory} is in use by {who}, a node that runs already. Stop that one first,"
        " or give this one a data directory of its own."
    )
