"""Book and files of derivatives held against each other: at every start, and after trouble.

A file that is not in the book is removed: nobody knows its digest, so the node will never serve it, but a
static server would go on to. A row without its file is struck out, as is one whose source no asset of this
node uses any more (a delete that a crash or a lost book kept from being finished). Runs in a thread, lets go
of the store's lock after every few files, and may be broken off and repeated at any point.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from storage_node.derivative import DerivativeKey
from storage_node.derivative_book import BookClosed
from storage_node.derivative_store import DerivativeStore

log = logging.getLogger(__name__)

_ROWS_AT_ONCE = 256


class DerivativeSweep:
    """`needed(bucket, sha256)`: whether an asset uses a blob. `stopping`: break off."""

    def __init__(
        self,
        store: DerivativeStore,
        needed: Callable[[str, str], bool],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._needed, self._stopping = store, needed, stopping

    def run(self) -> int:
        """Sweep if there is reason to; how many files and rows went. AtollError when `needed` cannot tell."""
        store = self._store
        if not store.book.unswept:
            return 0
        store.book.unswept = False  # whatever comes up from here on asks for another sweep
        try:
            self._examine()
            gone = sum(map(self._strangers, self._folders())) + sum(map(self._lost, self._pages()))
        except BookClosed:
            gone = 0
            store.book.unswept = True
        except BaseException:
            store.book.unswept = True
            raise
        if self._stopping():
            store.book.unswept = True
        return gone

    def foreign_layers(self) -> int:
        """Drop what has a layer that no asset of this node uses; how many layers that were.

        Layers may be of other sets, whose deletes are not announced here: what shows one is made anew now and
        then, and not at all once it is deleted. AtollError as `run`.
        """
        try:
            with self._store.lock:
                layers = self._store.book.layers()
        except BookClosed:
            return 0
        foreign = [layer for layer in layers if not self._needed(*layer)]
        for layer in foreign:
            self._store.drop(*layer)
        return len(foreign)

    def _examine(self) -> None:
        if (flaw := self._store.book.examine()) is None:
            return
        with self._store.lock:
            self._store.book.begin_anew(flaw)
            self._store.book.unswept = False

    def _folders(self) -> Iterator[tuple[Path, list[Path]]]:
        for folder, files in self._store.files.walk():
            if self._stopping():
                return
            yield folder, files

    def _strangers(self, found: tuple[Path, list[Path]]) -> int:
        """Remove the files of a folder that are not in the book, and the folder if it is empty then."""
        folder, files = found
        gone = 0
        for path in files:
            with self._store.lock:
                gone += self._remove_stranger(path)
        with self._store.lock:
            self._store.files.prune(folder)
        return gone

    def _remove_stranger(self, path: Path) -> bool:
        key = self._store.files.key_of(path)
        if key is not None and self._store.book.find(key) is not None:
            return False
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            log.warning("a file that is no derivative of ours stays: %s", error)
            return False
        return True

    def _pages(self) -> Iterator[list[DerivativeKey]]:
        last: DerivativeKey | None = None
        while not self._stopping():
            with self._store.lock:
                page = self._store.book.after(last, _ROWS_AT_ONCE)
            if not page:
                return
            yield page
            last = page[-1]

    def _lost(self, page: list[DerivativeKey]) -> int:
        """Strike out rows without a file, and drop what is made of blobs that nobody needs any more."""
        for bucket, sha256 in {(key.bucket, key.sha256) for key in page}:
            if not self._needed(bucket, sha256):
                self._store.drop(bucket, sha256)
        with self._store.lock:
            gone = [key for key in page if self._is_missing(key)]
            self._store.book.remove(gone)
        return len(gone)

    def _is_missing(self, key: DerivativeKey) -> bool:
        """A disk that fails for a moment has lost nothing yet."""
        try:
            return not self._store.files.path(key).is_file()
        except OSError:
            return False
