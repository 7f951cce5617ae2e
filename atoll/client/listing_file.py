"""The files that a listing names, below a local folder: found, or told as missing. Reads the listing.

Called by `folder_calls`. A key is a path from the root; nothing above the root is looked at, whatever a key
says. Keys that are no images by their names are counted only.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from atoll.client.folder_files import MAX_FILES, FileMissing, LocalFile
from atoll.client.folder_names import is_image, public_id_of
from atoll.client.folder_scan import Scanned, printed
from atoll.client.globs import Filter
from atoll.client.listing_rows import MAX_LINE_CHARACTERS, Entry, Form, entries, guess_form
from atoll.client.source import FileUnusable, local_file
from atoll.errors import AtollError, BadName, BadRequest
from atoll.names import check_public_id

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Listing:
    """A listing's file, its form and columns (None: as it seems), and whether ETags are taken for MD5s."""

    path: Path
    form: Form | None = None
    columns: tuple[str, ...] | None = None
    check_md5: bool = True


def find_listed(listing: Listing, root: Path, prefix: str, only: Filter, limit: int = MAX_FILES) -> Scanned:
    """What the listing names; `FileUnusable`, and `BadRequest` when it is no listing or above `limit`."""
    if not root.is_dir():
        raise FileUnusable(f"{root}: is no directory.", path=str(root))
    found = Scanned()
    with _lines(listing.path) as lines:
        first = next(lines, "")
        form = listing.form or guess_form(listing.path.name, first)
        for entry in entries(form, _again(first, lines), listing.columns, md5=listing.check_md5):
            _take(found, entry, root, prefix, only)
            if len(found.files) + len(found.refused) > limit:
                raise BadRequest("Too many files for one run; split the listing.", limit=limit)
    return found


def _take(found: Scanned, entry: Entry, root: Path, prefix: str, only: Filter) -> None:
    if not entry.paths or not is_image(entry.paths[0]) or not only.takes(entry.paths[0]):
        found.ignored += 1
        return
    key = entry.paths[0]
    try:
        relative, size = _file_of(entry, root)
        name = public_id_of(relative, prefix) if entry.name is None else check_public_id(prefix + entry.name)
    except AtollError as error:
        found.refuse(key, error)
    else:
        found.add(LocalFile(root / relative, relative, name, size, entry.expected))


def _file_of(entry: Entry, root: Path) -> tuple[str, int]:
    """The file's path below the root and its size, under the first spelling of the key that there is."""
    for key in entry.paths:
        relative = _inside(key)
        with local_file(printed(relative)):
            try:
                facts = os.stat(root / relative)
            except (FileNotFoundError, NotADirectoryError):
                continue
        if not stat.S_ISREG(facts.st_mode):
            raise FileUnusable(f"{printed(relative)}: is no plain file.", path=printed(relative))
        return relative, facts.st_size
    key = printed(entry.paths[0])
    raise FileMissing(f"{key}: is listed and not there.", path=key)


def _inside(key: str) -> str:
    """The key as a path below the root; `BadName` for one that leads elsewhere."""
    segments = key.removeprefix("./").split("/")
    if "\0" in key or any(segment in {"", ".", ".."} for segment in segments):
        raise BadName("The key leads out of the root, or is no path.", name="key", got=printed(key)[:80])
    return "/".join(segments)


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a file, decompressed if it is gzip; bounded, whatever it is."""
    with local_file(path):
        file = path.open("rb")
    with file:
        with local_file(path):
            start = file.read(2)
            file.seek(0)
        yield _decoded(gzip.GzipFile(fileobj=file) if start == _GZIP else file, path)


def _decoded(file: IO[bytes] | gzip.GzipFile, path: Path) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        with local_file(path):
            try:
                line = file.readline(MAX_LINE_CHARACTERS + 1)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise BadRequest(f"{path}: is damaged: {error}", line=number) from error
        if not line:
            return
        if len(line) > MAX_LINE_CHARACTERS:
            raise BadRequest(f"Line {number} is too long.", limit=MAX_LINE_CHARACTERS)
        text = line.decode(errors="surrogateescape")  # as file names are: a key may be no text
        yield text.removeprefix("\ufeff") if number == 1 else text


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
