"""The links through which a static web server sees what it may serve. Files only; blocking.

    <data>/offload/public/<set>/<bucket>/blobs         -> blobs/<bucket>
    <data>/offload/public/<set>/<bucket>/derivatives   -> derivatives/<bucket>
    <data>/offload/private/<set>/<bucket>/blobs        -> blobs/<bucket>, for an internal location

What has no link is not found there, and such a server asks the node (deploy/nginx). Links are no data: they
are made anew at each start, and not fsynced. Called by static_offload.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from storage_node.disk_errors import ours

_FOLDER = "offload"


class Link(NamedTuple):
    """A bucket of a set, and which of its files. Its names are from the cluster map, and checked there."""

    audience: Literal["public", "private"]
    set: str
    bucket: str
    what: Literal["blobs", "derivatives"]


class OffloadLinks:
    """`root` is the data directory. `StoreFailed` when the disk refuses."""

    def __init__(self, root: Path) -> None:
        self._top = root.absolute() / _FOLDER
        self._there: set[Link] = set()

    def withdraw(self) -> None:
        """All of them, also those of a run that crashed."""
        with ours:
            if self._top.is_symlink() or self._top.exists():
                shutil.rmtree(self._top)
        self._there.clear()

    def show(self, wanted: Iterable[Link]) -> None:
        """Exactly these: what goes, goes first."""
        kept = set(wanted)
        with ours:
            for link in self._there - kept:
                self._path(link).unlink(missing_ok=True)
            self._there &= kept
            for link in kept - self._there:
                self._make(link)
                self._there.add(link)

    def _path(self, link: Link) -> Path:
        return self._top / link.audience / link.set / link.bucket / link.what

    def _make(self, link: Link) -> None:
        path = self._path(link)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(os.path.join("..", "..", "..", "..", link.what, link.bucket))
