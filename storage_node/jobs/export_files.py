"""The directory of files that exports made: bounded, each until its time, gone afterwards. Blocks.

A file's modification time is when it expires: so nothing else need be kept, and what a crash left behind goes
the same way. A file appears whole or not at all. What it holds it says itself (export_contents.py), and one
that is written has it noted here before its first image is opened: no erasure passes between the two.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from atoll.atomic_file import fsync_directory
from atoll.errors import NotFound, Overloaded, Unavailable
from storage_node.jobs.export_contents import Contents, contents_of

_WHOLE, _PART = ".zip", ".part"
_PART_SECONDS = 86_400  # an unfinished one that is so old is nobody's


class ExportFiles:
    """`limit`: bytes of all of them together."""

    def __init__(self, data_dir: Path, limit: int) -> None:
        self._root, self._limit = data_dir / "exports", limit
        self._root.mkdir(mode=0o700, exist_ok=True)
        fsync_directory(data_dir)
        self._contents: dict[str, Contents] = {}  # as far as they are known, by name

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

    def begin(self, name: str, contents: Contents) -> None:
        """A part will hold these, or some of them."""
        self._contents[name] = contents

    def finish(self, name: str, expires_at: int) -> None:
        """A part is complete: make it durable and let it be seen. `expires_at`: Unix milliseconds.

        `Unavailable` when it was removed meanwhile: one more try leaves out what was erased.
        """
        part = self.part(name)
        try:
            os.utime(part, (time.time(), expires_at / 1000))  # first: the fsync is for the time as well
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(self.path(name))
        except FileNotFoundError as error:
            raise Unavailable("An image of this export was erased while it was made.") from error
        fsync_directory(self._root)

    def holding(self, bucket: str, sha256: str | None = None) -> list[str]:
        """Names of the files, parts too, with this blob in them, or with anything of the bucket.

        A part that nobody here has begun is left from a crash and nobody's: it counts as well.
        """
        names = {path.with_suffix(_WHOLE).name for path, _ in list(self._entries())}
        return sorted(name for name in names if self._contents_of(name).have(bucket, sha256))

    def _contents_of(self, name: str) -> Contents:
        if (known := self._contents.get(name)) is None:  # another thread may remove it at this moment
            known = self._contents[name] = contents_of(self.path(name))
        return known

    def remove(self, names: Iterable[str]) -> None:
        """Durably. The part first: one that is finished at this moment is met under its other name."""
        for name in names:
            self.part(name).unlink(missing_ok=True)
            self.path(name).unlink(missing_ok=True)
            self._contents.pop(name, None)
        fsync_directory(self._root)

    def sweep(self, now_s: float) -> int:
        """Remove what has expired; how many files."""
        removed = 0
        for path, found in list(self._entries()):
            left = found.st_mtime - now_s
            if left <= (-_PART_SECONDS if path.suffix == _PART else 0):
                path.unlink(missing_ok=True)
                self._contents.pop(path.with_suffix(_WHOLE).name, None)
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
