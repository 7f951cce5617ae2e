"""The directory of files that exports made: bounded, each until its time, gone afterwards. Blocks.

A file's modification time is when it expires: so nothing else need be kept, and what a crash left behind goes
the same way. A file appears whole or not at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from atoll.atomic_file import fsync_directory
from atoll.errors import NotFound, Overloaded

_PART = ".part"
_PART_SECONDS = 86_400  # an unfinished one that is so old is nobody's


class ExportFiles:
    """`limit`: bytes of all of them together."""

    def __init__(self, data_dir: Path, limit: int) -> None:
        self._root, self._limit = data_dir / "exports", limit
        self._root.mkdir(mode=0o700, exist_ok=True)
        fsync_directory(data_dir)

    def path(self, name: str) -> Path:
        """Where the file `name` lies, or would."""
        if "/" in name or name.startswith(".") or not name.endswith(".zip"):
            raise NotFound("There is no such file.")
        return self._root / name

    def part(self, name: str) -> Path:
        """Where it is written."""
        return self.path(name).with_suffix(_PART)

    def check(self, more: int) -> None:
        """`Overloaded` unless there is room for `more` bytes."""
        held = sum(found.st_size for _, found in self._entries())
        if held and held + more > self._limit:
            raise Overloaded(
                "This node keeps as many exported files as it may.",
                limit=self._limit,
                used=held,
                retry_after=60,
            )

    def finish(self, name: str, expires_at: int) -> None:
        """A part is complete: make it durable and let it be seen. `expires_at`: Unix milliseconds."""
        part = self.part(name)
        os.utime(part, (time.time(), expires_at / 1000))  # first: the fsync is for the time as well
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(self.path(name))
        fsync_directory(self._root)

    def sweep(self, now_s: float) -> int:
        """Remove what has expired; how many files."""
        removed = 0
        for path, found in list(self._entries()):
            left = found.st_mtime - now_s
            if left <= (-_PART_SECONDS if path.suffix == _PART else 0):
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        """All that lies there. What goes or gets its name meanwhile is left out: nobody holds a lock here."""
        for entry in os.scandir(self._root):
            with suppress(FileNotFoundError):
                yield Path(entry.path), entry.stat()

    def expires_at(self, name: str) -> int | None:
        """Until when a file is there, in Unix milliseconds; None: it is not."""
        try:
            return int(self.path(name).stat().st_mtime * 1000)
        except FileNotFoundError:
            return None
