"""The folder that an export writes into: nothing leaves it, and parts of files lie apart. Blocks.

No symbolic link below it is followed: one that was planted there would lead a file out. Parts are kept in a
hidden folder of its own, which one export at a time holds; what a killed one left there is removed by the
next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atoll.client.export_paths import WORKPLACE
from atoll.client.folder_files import Facts
from atoll.client.source import FileUnusable, local_file


class ExportPlace:
    """The folder `top`."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._plain = {""}  # folders below it that are there and no links

    def facts(self, relative: str) -> Facts | None:
        """Of the plain file at this path; None when there is none, or something else."""
        try:
            self._check_above(relative)
            found = os.lstat(self.top / relative)
        except (OSError, FileUnusable):
            return None
        return Facts.of(found) if stat.S_ISREG(found.st_mode) else None

    def prepare(self, relative: str) -> Path:
        """Where to write the file; its folders are made. `FileUnusable` where something is in the way."""
        with local_file(self.top / relative):
            self._check_above(relative, make=True)
        return self.top / relative

    def _check_above(self, relative: str, *, make: bool = False) -> None:
        names = relative.split("/")[:-1]
        for end in range(1, len(names) + 1):
            folder = "/".join(names[:end])
            if folder in self._plain:
                continue
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(self.top / folder)
            if not stat.S_ISDIR(os.lstat(self.top / folder).st_mode):
                raise FileUnusable(
                    f"{folder}: is no folder of its own; nothing is written there.", path=folder
                )
            self._plain.add(folder)

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """An empty folder for parts; `FileUnusable` while another export has it."""
        with local_file(self.top):
            self.top.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock(lock, self.top)
            with _emptied(self.top / WORKPLACE) as parts:
                yield parts
        finally:
            os.close(lock)


@contextmanager
def _emptied(parts: Path) -> Iterator[Path]:
    with local_file(parts):
        _remove(parts)
        parts.mkdir(mode=0o700)
    try:
        yield parts
    finally:
        with contextlib.suppress(OSError):
            _remove(parts)


def _lock(descriptor: int, top: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise FileUnusable(f"{top}: another export writes here.", path=str(top)) from error


def _remove(parts: Path) -> None:
    """Also when it is a link, which is then removed itself."""
    if parts.is_symlink() or parts.is_file():
        parts.unlink()
    elif parts.exists():
        shutil.rmtree(parts)
