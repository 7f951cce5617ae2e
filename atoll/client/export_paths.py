"""Which file an asset becomes in an export: its public_id below the prefix, and its type's extension. Pure.

Every path stays below the folder, whatever the cluster says. No two paths are the same on a disk that ignores
case (or composes letters differently), and none is file and folder at once: the later one in the order of
public_ids is marked with `~` and the start of a hash of its name. A name too long for a disk is cut, and
marked.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterator
from itertools import count

from atoll.errors import BadName
from atoll.names import check_extension, check_public_id

MANIFEST = "manifest.jsonl"
WORKPLACE = ".atoll-export"  # where parts of files lie while they are fetched
MAX_NAME_BYTES = 255  # of a file, on every disk that is in use
_MARK_DIGITS = 8


class ExportPaths:
    """Hands out paths; knows those that it has given."""

    def __init__(self) -> None:
        self._files = {_folded(MANIFEST), _folded(WORKPLACE)}
        self._folders: set[str] = set()
        self._chosen: dict[str, str] = {}

    def path(self, public_id: str, prefix: str, ext: str) -> str:
        """The path, with `/` between folders; `BadName` for what no cluster of ours would say."""
        check_extension(ext)
        if check_public_id(public_id) != public_id or not public_id.startswith(prefix):
            raise BadName("The cluster lists a name that is not below the prefix.", name="public_id")
        *folders, last = public_id.removeprefix(prefix).split("/")
        above = ""
        for folder in folders:
            above = self._folder(above, folder) + "/"
        path = _free(above, last, f".{ext}", self._files, self._folders)
        self._files.add(_folded(path))
        return path

    def _folder(self, above: str, folder: str) -> str:
        wanted = above + folder
        if wanted not in self._chosen:
            self._chosen[wanted] = path = _free(above, folder, "", self._files)
            self._folders.add(_folded(path))
        return self._chosen[wanted]


def _free(above: str, stem: str, end: str, *taken: Collection[str]) -> str:
    """The first way to write it that no other path has."""
    for name in _spellings(stem, end):
        folded = _folded(above + name)
        if not any(folded in paths for paths in taken):
            return above + name
    raise AssertionError("there are endless spellings")


def _spellings(stem: str, end: str) -> Iterator[str]:
    """The name itself, if a disk takes it, then marked ones."""
    if len((stem + end).encode()) <= MAX_NAME_BYTES:
        yield stem + end
    for number in count():
        digest = hashlib.sha256(f"{stem}{end}\0{number}".encode()).hexdigest()
        mark = f"~{digest[:_MARK_DIGITS]}{end}"
        yield stem.encode()[: MAX_NAME_BYTES - len(mark.encode())].decode(errors="ignore") + mark


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
