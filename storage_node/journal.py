"""The journal: every record, tombstone, receipt and used ticket once more, outside index.db. Files only.

    <data>/journal/00000007.jsonl     segments, read in the order of their numbers; see journal_lines.py

It is what a lost or corrupted index.db is made anew from (index_recovery.py). One thread appends – the
index's writer, before each commit, with one fsync – so that whatever was acknowledged is in here. A commit
that fails is taken back. A segment is never appended to by two processes: each start begins a new one, so
that a line torn by a power cut is the last of its segment. Behind its lines a segment has zeros.

A number is never used twice for other lines. An older copy of index.db may be put back at any time, and the
place that it noted must mean what it meant, or be gone; then all that there is is read. So what was written
anew (`replace_up_to`) has a number of its own, that `rotate` left out and in which no place was ever noted.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from atoll.atomic_file import fsync_directory
from storage_node import journal_lines
from storage_node.disk_errors import ours
from storage_node.journal_lines import Line

log = logging.getLogger(__name__)

_ROOM_BYTES = 2**20
_SEGMENT = re.compile(r"(\d{8})\.jsonl", re.ASCII)


class Position(NamedTuple):
    """A place in the journal: behind all lines that end there."""

    segment: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Position:
        """As `str` wrote it."""
        segment, _, offset = text.partition(":")
        return cls(int(segment), int(offset))

    def __str__(self) -> str:
        return f"{self.segment}:{self.offset}"


START = Position(0, 0)


class Journal:
    """The segments in `directory`; `node` is whose they are. ValueError for another node's."""

    def __init__(self, directory: Path, node: str) -> None:
        self._directory, self._node = directory, node
        self._anew = directory / "compact.new"
        self._descriptor = -1
        with ours:
            directory.mkdir(exist_ok=True)
            fsync_directory(directory.parent)
            self._anew.unlink(missing_ok=True)  # a crash left it half-written
        self._segment = max(self._segments(), default=0) + 1  # not there before the first `append`
        self._offset = self._before = self._room = 0
        self._check_owner()

    def _segments(self) -> list[int]:
        found = (_SEGMENT.fullmatch(path.name) for path in self._directory.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def path(self, segment: int) -> Path:
        """A segment's file."""
        return self._directory / f"{segment:08}.jsonl"

    def _size(self, segment: int) -> int:
        try:
            return self.path(segment).stat().st_size
        except FileNotFoundError:
            return 0

    def _check_owner(self) -> None:
        for line in self.read(START):
            if line.kind == b"journal":
                owner = json.loads(line.body)["node"]
                if owner != self._node:
                    raise ValueError(f"this journal belongs to node {owner!r}, not to {self._node!r}")
                return

    @property
    def end(self) -> Position:
        """Behind the last line, or where the next segment will begin."""
        return Position(self._segment, self._offset)

    @property
    def is_empty(self) -> bool:
        """Whether there is no segment at all."""
        return not self._segments()

    @property
    def size(self) -> int:
        """Bytes that all segments take on the disk."""
        return sum(map(self._size, self._segments()))

    def has(self, position: Position) -> bool:
        """Whether the journal reaches as far as `position`, and a line ends there.

        Earlier releases wrote anew under the number of a segment that it replaced: there an older place
        lies in the middle of some line.
        """
        if not position.offset:
            return position.segment <= self._segment
        return self._byte_before(position) == b"\n"

    def _byte_before(self, position: Position) -> bytes:
        with ours:
            try:
                file = self.path(position.segment).open("rb")
            except FileNotFoundError:
                return b""
            with file:
                file.seek(position.offset - 1)
                return file.read(1)

    def append(self, lines: Iterable[Line]) -> Position:
        """Write the lines, durably; the new end. `NoSpace` or `StoreFailed` leave it as it was."""
        with ours:
            if self._descriptor < 0:
                self._begin()
            self._before = self._offset
            try:
                self._write(journal_lines.encode(lines))
                os.fdatasync(self._descriptor)
            except OSError:
                self.take_back()
                raise
        return self.end

    def take_back(self) -> None:
        """Forget the last `append`: its commit failed."""
        begin, length = self._before, self._offset - self._before
        try:
            if os.pwrite(self._descriptor, bytes(length), begin) == length:
                self._offset = begin
            os.fdatasync(self._descriptor)
        except OSError as error:  # then a rebuild may bring back what was never acknowledged: no harm
            log.error("lines of a failed commit may stay in the journal: %s", error)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._make_room(len(view))
            written = os.pwrite(self._descriptor, view, self._offset)
            self._offset += written
            view = view[written:]

    def _make_room(self, wanted: int) -> None:
        """Zeros ahead of what is written: an fsync that need not note a new size costs half."""
        if self._offset + wanted > self._room:
            step = max(_ROOM_BYTES, wanted)
            os.pwrite(self._descriptor, bytes(step), self._room)
            self._room += step

    def _begin(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC  # a start of it that failed is begun again
        self._descriptor = os.open(self.path(self._segment), flags, 0o600)
        self._offset = self._room = 0
        try:
            fsync_directory(self._directory)
            self._write(journal_lines.encode([self._header()]))
        except OSError:
            os.close(self._descriptor)
            self._descriptor = -1
            raise

    def _header(self) -> Line:
        return Line(b"journal", json.dumps({"node": self._node}).encode())

    def rotate(self, known: Position = START) -> int:
        """End the segment and begin another; the number of the ended one. In the appending thread.

        `known` was noted once: no later number is below its segment's. The new segment lies on the disk
        before anybody notes a place in it, or a restart could give its number, or the one left out, again.
        """
        self.close()
        ended = max(self._segment, known.segment)
        self._segment, self._offset = ended + 2, 0
        with ours:
            self._begin()
        return ended

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            try:
                os.ftruncate(self._descriptor, self._offset)
            except OSError as error:
                log.warning("a segment of the journal keeps its zeros: %s", error)
            os.close(self._descriptor)
            self._descriptor = -1

    def replace_up_to(self, segment: int, lines: Iterable[Line]) -> None:
        """Put `lines` in the place of all segments up to `segment`, which `rotate` ended.

        One rename: after a power cut there are the old segments, or the new one and perhaps old ones
        before it, whose lines say nothing new. An error leaves the old ones, and nothing beside them.
        """
        with ours:
            try:
                self._write_anew(lines)
            except BaseException:
                self._anew.unlink(missing_ok=True)
                raise
            self._anew.rename(self.path(segment + 1))
            fsync_directory(self._directory)
            for old in self._segments():
                if old <= segment:
                    self.path(old).unlink()
            fsync_directory(self._directory)

    def _write_anew(self, lines: Iterable[Line]) -> None:
        with self._anew.open("wb") as file:
            file.write(journal_lines.encode([self._header()]))
            for line in lines:
                file.write(journal_lines.encode([line]))
            file.flush()
            os.fsync(file.fileno())
        self._anew.chmod(0o600)

    def read(self, position: Position) -> Iterator[Line]:
        """All good lines behind `position`; bad ones are counted in the log and left out."""
        for segment in self._segments():
            if segment < position.segment:
                continue
            with self.path(segment).open("rb") as file:
                if segment == position.segment:
                    file.seek(position.offset)
                yield from self._good_lines(segment, file)

    def _good_lines(self, segment: int, raw_lines: Iterable[bytes]) -> Iterator[Line]:
        bad = 0
        for padded in raw_lines:
            raw = padded.lstrip(b"\0")
            if not raw:
                continue
            line = journal_lines.decode(raw)
            if line is None:
                bad += 1
            else:
                yield line
        if bad:
            log.error("the journal has lines that cannot be read", extra={"segment": segment, "lines": bad})
