"""Which files below the given paths are images, and what public_id each one gets. Reads directories only.

A file that is named itself is always taken; in a directory, those whose extension is one of an image that
nodes accept, hidden ones and symbolic links to directories left out; a pipe or a device among them is there
with its error. With a prefix, the public_id is prefix + path below the given directory, without the image's
extension.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from atoll.client.source import CONTENT_TYPE_OF, not_plain, unusable
from atoll.errors import AtollError, Conflict
from atoll.names import check_public_id


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to upload; `error` says why it cannot be. Without a public_id the cluster makes one."""

    path: Path
    public_id: str | None = None
    error: AtollError | None = None


def find_files(paths: Iterable[str | os.PathLike[str]], prefix: str | None = None) -> list[FoundFile]:
    """The files at and below `paths`, each once, in order; what cannot be taken is there with its error."""
    named: dict[str, Path] = {}
    found: list[FoundFile] = []
    taken: set[str] = set()
    for given in map(Path, paths):
        for item in _below(given):
            if (absolute := os.path.abspath(item.path)) in taken:
                continue
            taken.add(absolute)
            if item.error is None and prefix is not None:
                base = given if item.path != given else given.parent
                item = _named(item.path, item.path.relative_to(base), prefix, named)
            found.append(item)
    return found


def _below(given: Path) -> Iterator[FoundFile]:
    if not os.path.isdir(given):
        yield FoundFile(given)
        return
    unreadable: list[OSError] = []
    for directory, folders, names in os.walk(given, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and _is_image(name):
                path = Path(directory, name)
                yield FoundFile(path, error=None if _is_plain(path) else not_plain(path))
    for error in unreadable:
        yield FoundFile(Path(error.filename), error=unusable(error, error.filename))


def _is_plain(path: Path) -> bool:
    """Also where it cannot be known: then the upload says why."""
    return not path.exists() or path.is_file()


def _is_image(name: str) -> bool:
    return Path(name).suffix[1:].lower() in CONTENT_TYPE_OF


def _named(path: Path, relative: Path, prefix: str, named: dict[str, Path]) -> FoundFile:
    stem = relative.with_suffix("") if _is_image(relative.name) else relative
    try:
        public_id = check_public_id(prefix + stem.as_posix())
        if (first := named.setdefault(public_id, path)) != path:
            raise Conflict(f"{first} has the same public_id {public_id!r}.", public_id=public_id)
    except AtollError as error:
        return FoundFile(path, error=error)
    return FoundFile(path, public_id)
