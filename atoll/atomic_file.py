"""Replace a small file so that a crash leaves either the old or the new one, whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write_atomically(path: Path, body: bytes, mode: int = 0o600) -> None:
    """Write beside, fsync, rename over, fsync the directory. Blocks: call it in a thread."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def replaceable(path: Path) -> Path:
    """Where a file that somebody asks for by this name goes: a link stays, and what it leads to is replaced.

    `OSError` where a device, a pipe or a folder has the name: a rename over it would take its place.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        raise OSError(errno.EEXIST, "is no plain file, and none takes its place", str(path))
    return place


def fsync_directory(path: Path | str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
