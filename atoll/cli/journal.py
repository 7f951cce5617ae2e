"""What earlier runs of `atoll upload` did: done files are skipped, tickets left behind are used first. I/O.

One JSON object a line, appended as things happen, so that a run that is killed loses nothing that matters;
a last line that was cut off is ignored. A file is known by bucket, path and public_id, and is the same
file while its size and time are the same or, if in doubt, its SHA-256 is. The journal holds tickets: only
its owner may read it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct, structs

from atoll.client.source import local_file
from atoll.client.tree import FoundFile
from atoll.client.views import TicketView
from atoll.ids import now_ms
from atoll.node_api import AssetView

# A file changed within its clock's granularity after it was noted looks unchanged: then its hash decides.
FRESH_NS = 2_000_000_000
COMPACT_ABOVE = 2  # lines per entry, at which the file is written anew

Key = tuple[str, str, str | None]


class Done(Struct, frozen=True):
    """The asset that was made, and the regions known to hold it then."""

    asset_id: str
    public_id: str
    sha256: str
    url: str
    regions: tuple[str, ...] = ()


class Entry(Struct, frozen=True, omit_defaults=True):
    """The last that is known of one file: a ticket that was used for it, or what became of it."""

    bucket: str
    path: str
    public_id: str | None
    size: int
    mtime_ns: int
    at_ms: int
    ticket: TicketView | None = None
    done: Done | None = None

    @property
    def key(self) -> Key:
        return self.bucket, self.path, self.public_id


class Journal:
    """The journal at `path`, for uploads to `bucket`; a context. `clock` gives Unix milliseconds."""

    def __init__(self, path: Path, bucket: str, clock: Callable[[], int]) -> None:
        self._path, self._bucket, self._clock = path, bucket, clock
        self._entries: dict[Key, Entry] = {}
        self._file: IO[bytes] | None = None
        self._writing = threading.Lock()  # uploads are noted from several threads

    def __enter__(self) -> Journal:
        with local_file(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lines = 0
            for lines, entry in enumerate(self._read(), 1):  # noqa: B007 - counted
                self._entries[entry.key] = entry
            if lines > COMPACT_ABOVE * max(1, len(self._entries)):
                self._compact()
            self._file = self._open_for_appending()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self) -> Iterator[Entry]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                try:
                    yield msgspec.json.decode(line, type=Entry)
                except msgspec.MsgspecError:
                    continue  # cut off by a kill, or not ours: the file is then simply uploaded again

    def _compact(self) -> None:
        beside = self._path.with_name(self._path.name + ".new")
        with open(beside, "wb", opener=_private) as file:
            file.writelines(msgspec.json.encode(entry) + b"\n" for entry in self._entries.values())
        beside.replace(self._path)

    def _open_for_appending(self) -> IO[bytes]:
        file = open(self._path, "ab+", opener=_private)  # noqa: SIM115 - closed by __exit__
        if file.tell() and not _ends_with_newline(file):
            file.write(b"\n")  # else the next entry would continue the line that was cut off
        return file

    def done(self, file: FoundFile) -> Entry | None:
        """The entry of this very content, if it was uploaded. Reads the file when only its hash can tell."""
        entry = self._entries.get(self._key(file))
        if entry is None or entry.done is None:
            return None
        return entry if self._same(file, entry) else None

    def ticket(self, file: FoundFile) -> TicketView | None:
        """The ticket that a run which ended early may have used for this file."""
        entry = self._entries.get(self._key(file))
        if entry is None or entry.done is not None or not _unchanged(file.path, entry):
            return None
        return entry.ticket

    def _same(self, file: FoundFile, entry: Entry) -> bool:
        settled = entry.at_ms * 1_000_000 - entry.mtime_ns > FRESH_NS
        if settled and _unchanged(file.path, entry):
            return True
        assert entry.done is not None
        facts = _facts(file.path)
        return facts is not None and facts[0] == entry.size and _sha256(file.path) == entry.done.sha256

    def note_ticket(self, file: FoundFile, ticket: TicketView) -> None:
        """This ticket will be used now."""
        self._append(file, ticket=ticket)

    def note_done(self, file: FoundFile, asset: AssetView, regions: tuple[str, ...]) -> None:
        """The file is uploaded."""
        done = Done(asset.asset_id, asset.public_id, asset.sha256, asset.url, regions)
        self._append(file, done=done)

    def forget(self, file: FoundFile) -> None:
        """What was uploaded is no longer there: upload it again."""
        self._entries.pop(self._key(file), None)

    def forget_assets(self, asset_ids: Collection[str]) -> None:
        """They were deleted: the same files are to be uploaded again, by whoever wants them back."""
        for entry in list(self._entries.values()):
            if entry.done is not None and entry.done.asset_id in asset_ids:
                self._write(structs.replace(entry, done=None, at_ms=self._clock()))

    def _append(self, file: FoundFile, *, ticket: TicketView | None = None, done: Done | None = None) -> None:
        if (facts := _facts(file.path)) is not None:  # else nothing that another run could recognize
            self._write(Entry(*self._key(file), *facts, self._clock(), ticket, done))

    def _write(self, entry: Entry) -> None:
        assert self._file is not None, "the journal is a context"
        with self._writing, local_file(self._path):
            self._entries[entry.key] = entry
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()

    def _key(self, file: FoundFile) -> Key:
        return (
            self._bucket,
            os.fsencode(file.path.absolute()).decode(errors="backslashreplace"),
            file.public_id,
        )


def forget_uploads(path: Path, asset_ids: Collection[str]) -> None:
    """Strike deleted assets from the journal at `path`, if there is one."""
    if asset_ids and path.exists():
        with Journal(path, "", now_ms) as journal:
            journal.forget_assets(asset_ids)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _ends_with_newline(file: IO[bytes]) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _facts(path: Path) -> tuple[int, int] | None:
    """Size and mtime (ns) of a plain file. A pipe has neither, and to look into it would empty it."""
    try:
        facts = path.stat()
    except OSError:
        return None  # the upload itself will say what is wrong
    return (facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else None


def _unchanged(path: Path, entry: Entry) -> bool:
    return _facts(path) == (entry.size, entry.mtime_ns)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
