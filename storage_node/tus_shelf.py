"""Unfinished uploads on the disk. Blocks; runs in threads.

    <data>/tus/<id>.part    the bytes that came so far
    <data>/tus/<id>.json    the record: the ticket, the length, how many of the bytes count

A directory of its own: incoming/ is emptied at every start, and these outlive it. The record is replaced
atomically and only after the bytes it counts were fsynced; whatever lies behind them is a torn tail, cut off
before the next byte is written. Files without a readable record are removed at the start: nobody was told of
them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from atoll.atomic_file import fsync_directory, write_atomically
from storage_node.disk_errors import ours
from storage_node.staged_file import sync_file
from storage_node.tus_address import is_upload_id
from storage_node.tus_record import TusRecord

log = logging.getLogger(__name__)

_READ_BYTES = 256 * 1024


class Part:
    """An upload's file, open behind its last durable byte; everything that lay there is cut off."""

    def __init__(self, path: Path, offset: int) -> None:
        with ours:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.ftruncate(self._descriptor, offset)
            os.lseek(self._descriptor, offset, os.SEEK_SET)

    def write(self, data: bytes) -> None:
        """Append."""
        view = memoryview(data)
        with ours:
            while view:
                view = view[os.write(self._descriptor, view) :]

    def cut(self, size: int) -> None:
        """Keep `size` bytes."""
        with ours:
            os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        """Make the bytes durable."""
        with ours:
            sync_file(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


class TusShelf:
    """`root` is the data directory."""

    def __init__(self, root: Path) -> None:
        self._directory = root / "tus"
        with ours:
            self._directory.mkdir(exist_ok=True)
            fsync_directory(root)

    def part(self, record: TusRecord) -> Part:
        """The upload's file, to be written on."""
        return Part(self._part(record.id), record.offset)

    def create(self, record: TusRecord) -> None:
        """The upload exists from here on, also after a power cut."""
        self.part(record).close()
        self.save(record)

    def save(self, record: TusRecord) -> None:
        """Replace the record, durably: and with it, in the same directory, the names of new files."""
        with ours:
            write_atomically(self._record(record.id), msgspec.json.encode(record))

    def finish(self, record: TusRecord) -> None:
        """The upload is an asset: remember which, the bytes are kept elsewhere."""
        self.save(record)
        with ours:
            self._part(record.id).unlink(missing_ok=True)

    def remove(self, upload_id: str) -> None:
        """Forget it, durably."""
        with ours:
            self._record(upload_id).unlink(missing_ok=True)
            self._part(upload_id).unlink(missing_ok=True)
            fsync_directory(self._directory)

    def pieces(self, upload_id: str) -> Iterator[bytes]:
        """All bytes of an upload's file."""
        with ours, open(self._part(upload_id), "rb", buffering=0) as file:
            while piece := file.read(_READ_BYTES):
                yield piece

    def load(self) -> list[TusRecord]:
        """At the start: what there is, torn tails cut off. What cannot be gone on with is removed."""
        with ours:
            kept = [record for path in sorted(self._directory.glob("*.json")) if (record := self._read(path))]
            names = {f"{record.id}{end}" for record in kept for end in (".json", ".part")}
            for path in self._directory.iterdir():
                if path.name not in names:
                    path.unlink()
        return kept

    def _read(self, path: Path) -> TusRecord | None:
        record: TusRecord | None = None
        with suppress(msgspec.MsgspecError):
            record = msgspec.json.decode(path.read_bytes(), type=TusRecord)
        if record is None or record.id != path.stem or not is_upload_id(record.id):
            log.error("the record of a resumable upload cannot be read: %s is removed", path.name)
            return None
        if record.open and not self._cut(record):
            log.error("resumable upload %s lost bytes: it is removed", record.id)
            return None
        return record

    def _cut(self, record: TusRecord) -> bool:
        """Whether its bytes are all there; those that do not count are cut off."""
        path = self._part(record.id)
        if not path.exists() or path.stat().st_size < record.offset:
            return False
        os.truncate(path, record.offset)
        return True

    def _part(self, upload_id: str) -> Path:
        return self._directory / f"{upload_id}.part"

    def _record(self, upload_id: str) -> Path:
        return self._directory / f"{upload_id}.json"
