"""What is in a folder: its images, with the names that they get, and what cannot be taken. Reads directories.

Hidden files and folders, and symbolic links to folders, are left out, as by `atoll upload`. A file whose path
can be no name, or that is no plain file, is there with its error; a folder that cannot be read is told apart,
because nobody knows what is gone from it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from atoll.client.folder_files import MAX_FILES, Change, LocalFile, Step
from atoll.client.folder_names import is_image, public_id_of
from atoll.client.globs import Filter
from atoll.client.source import FileUnusable, local_file, not_plain, unusable
from atoll.errors import AtollError, BadRequest, Conflict


@dataclass
class Scanned:
    """A folder's files by name. `taken`: names that files here have, also those left out by patterns.

    `unreadable`: folders (paths below the folder, with `/` at the end, or "") that could not be listed.
    """

    files: dict[str, LocalFile] = field(default_factory=dict)
    refused: list[Change] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    ignored: int = 0

    @property
    def empty(self) -> bool:
        """Whether no image is there, whatever patterns say."""
        return not self.files and not self.refused and not self.taken

    def add(self, file: LocalFile) -> None:
        """Take it, or refuse it when another file has its name."""
        if (first := self.files.setdefault(file.public_id, file)) is not file:
            clash = Conflict(
                f"{printed(first.relative)} has the same public_id {file.public_id!r}.",
                public_id=file.public_id,
            )
            self.refuse(file.relative, clash, file.public_id)
        self.taken.add(file.public_id)

    def refuse(self, relative: str, error: AtollError, public_id: str | None = None) -> None:
        """This one cannot be taken."""
        self.refused.append(Change(Step.SKIP, relative, public_id, error=error))
        if public_id is not None:
            self.taken.add(public_id)


def printed(relative: str) -> str:
    """A path as text: one that is none is told with replacement characters."""
    return os.fsencode(relative).decode(errors="replace")


def scan(folder: Path, prefix: str, only: Filter, limit: int = MAX_FILES) -> Scanned:
    """Read `folder`; `FileUnusable` when it is none, `BadRequest` above `limit` files."""
    with local_file(folder):
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise FileUnusable(f"{folder}: is no directory.", path=str(folder))
    found = Scanned()
    for relative, entry in _walk(folder, only, found):
        if not is_image(relative):
            found.ignored += 1
            continue
        _take(found, relative, entry, prefix, only)
        if len(found.files) + len(found.refused) > limit:
            raise BadRequest("Too many files for one run; take the folders in it one by one.", limit=limit)
    return found


def _take(found: Scanned, relative: str, entry: os.DirEntry[str], prefix: str, only: Filter) -> None:
    meant = only.takes(relative)
    try:
        public_id = public_id_of(relative, prefix)
    except AtollError as error:
        if meant:
            found.refuse(relative, error)
    else:
        if meant:
            _take_named(found, relative, entry, public_id)
        else:
            found.ignored += 1
            found.taken.add(public_id)


def _take_named(found: Scanned, relative: str, entry: os.DirEntry[str], public_id: str) -> None:
    try:
        facts = entry.stat()
    except OSError as error:
        found.refuse(relative, unusable(error, printed(relative)), public_id)
    else:
        if stat.S_ISREG(facts.st_mode):
            found.add(LocalFile(Path(entry.path), relative, public_id, facts.st_size))
        else:
            found.refuse(relative, not_plain(relative), public_id)


def _walk(folder: Path, only: Filter, found: Scanned) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All that is no folder, in the order of names; not recursive, for folders may be deep."""
    waiting = [""]
    while waiting:
        above = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, above)) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            found.unreadable.append(above)
            found.refuse(above or ".", unusable(error, os.path.join(folder, above)))
            continue
        below = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not only.excludes(above + entry.name):
                    below.append(f"{above}{entry.name}/")
            elif not (entry.is_symlink() and entry.is_dir()):
                yield above + entry.name, entry
        waiting += reversed(below)
