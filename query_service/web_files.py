"""The web app's files, as served: read once at start, in memory, compressed, under one name for all of them.

    /app/-/<build>/…    any file, for ever: <build> follows from the bytes of all files, so whatever is in a
                        cache under it is right, and modules may name each other by relative paths
    the shell           index.html, with the build's address put in; asked for again each time (ETag)

So there is no build step, and no file is ever rewritten. Owns which types are served. Called by web_api.py.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from atoll.land import land_json

TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
SHELL, LAND = "index.html", "land.json"
_PLACE = b"{{base}}"
_LEVEL = 9


class WebFile(NamedTuple):
    """One file: its type, its bytes plain and by gzip, and their tag."""

    content_type: str
    plain: bytes
    packed: bytes
    etag: str


class WebFiles:
    """All of them. `source`: by path, as in the folder."""

    def __init__(self, source: Mapping[str, bytes]) -> None:
        digest = hashlib.sha256()
        for path in sorted(source):
            digest.update(path.encode() + b"\0" + source[path] + b"\0")
        self.build = digest.hexdigest()[:16]
        self.base = f"/app/-/{self.build}"
        shell = source[SHELL].replace(_PLACE, self.base.encode())
        self.shell = _file(SHELL, shell)
        self._files = {path: _file(path, body) for path, body in source.items() if path != SHELL}

    def get(self, build: str, path: str) -> WebFile | None:
        """A file of this build; None for one that is not there, and for all of another build."""
        return self._files.get(path) if build == self.build else None


def read_web_files() -> WebFiles:
    """Those of this installation."""
    found = dict(_below(files("query_service") / "web", ""))
    return WebFiles({**found, LAND: land_json()})


def _below(folder: Traversable, above: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = f"{above}{entry.name}"
        if entry.is_dir():
            yield from _below(entry, f"{path}/")
        elif path.rpartition(".")[2] in TYPES:
            yield path, entry.read_bytes()


def _file(path: str, body: bytes) -> WebFile:
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    return WebFile(TYPES[path.rpartition(".")[2]], body, gzip.compress(body, _LEVEL, mtime=0), etag)
