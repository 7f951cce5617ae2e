"""Derivatives kept on the node's disk. Owns `<data>/derivatives/`: files, bookkeeping, quota, eviction.

    <data>/derivatives/<bucket>/<ab>/<sha256>/<name>      files a static server can serve
    <data>/derivatives/derivatives.db                     what is known of them; may be lost at any time

Everything here can be made again, so every failure is answered by keeping less, never by failing a request.
Only what the bookkeeping knows with a digest is served, and only bytes that have this digest. Refuses to
decide whether a derivative is wanted or may be seen: callers do. Called by delivery, removals, quarantine;
kept in order by derivative_upkeep.py.

All methods block and run in the node's threads; they are thread-safe. One lock is held over what changes
book and folders: a look-up, a rename, an unlink. Hashing, fsync and reading files happen outside of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from atoll.errors import AtollError
from storage_node.derivative import (
    BadDerivative,
    Derivative,
    DerivativeKey,
    DerivativeUsage,
    date_of,
    difference,
    facts_of,
)
from storage_node.derivative_book import BookClosed, DerivativeBook
from storage_node.derivative_drops import DropLog
from storage_node.derivative_eviction import footprint
from storage_node.derivative_files import DerivativeFiles
from storage_node.derivative_room import DerivativeRoom
from storage_node.disk_errors import ours
from storage_node.render_protocol import Rendered
from storage_node.store import StoreFailed

__all__ = ["BadDerivative", "Derivative", "DerivativeKey", "DerivativeStore", "DerivativeUsage"]

log = logging.getLogger(__name__)

BOOK = "derivatives.db"


class DerivativeStore:
    """`root` is the data directory, `quota` bytes (0: nothing is kept).

    `room(size)` says whether the disk may take `size` more bytes, `needed(bucket, sha256)` whether an asset
    of this node uses a blob (AtollError when it cannot tell); both from any thread.
    """

    def __init__(
        self,
        root: Path,
        quota: int,
        room: Callable[[int], bool] = lambda _: True,
        needed: Callable[[str, str], bool] = lambda *_: True,
    ) -> None:
        self._quota, self._has_room, self._needed = quota, room, needed
        self.files = DerivativeFiles(root)
        self.book = DerivativeBook(self.files.top / BOOK)
        self.lock = threading.Lock()  # files.place, .remove, .prune and all of `book` are used under it
        self._dropped = DropLog()
        self._room = DerivativeRoom(quota, self.book, self.files)
        self._bad = self._unkept = 0
        with ours:
            self.files.make_top()
        with suppress(BookClosed):
            self.book.open()

    @property
    def drops(self) -> int:
        """How often blobs left so far. A maker reads it before he looks for source and layers, and hands it
        to `keep`: what was made of a blob that left meanwhile is not kept."""
        return self._dropped.count

    def find(self, key: DerivativeKey) -> Derivative | None:
        """What is kept; counts as asked for. None as well when the bookkeeping is out of order."""
        with self.lock, suppress(BookClosed):
            return self.book.ask(key)
        return None

    def read(self, found: Derivative) -> bytes:
        """The bytes, verified. `BadDerivative`: it was dropped, render anew."""
        data = self._looked(found)
        return data if isinstance(data, bytes) else self._second_look(found)

    def _looked(self, found: Derivative) -> bytes | str:
        """The bytes, or what is wrong with them."""
        try:
            data = self.files.read(found.key, found.size)
        except OSError as error:
            return error.strerror or "cannot be read"
        return difference(found, data) or data

    def _second_look(self, found: Derivative) -> bytes:
        """Under the lock: between find and read it may have been evicted, and even been kept again."""
        with self.lock, suppress(BookClosed):
            if self.book.find(found.key) == found:
                data = self._looked(found)
                if isinstance(data, bytes):
                    return data
                log.warning("a kept derivative is not what was rendered: %s", data, extra=found.key.facts)
                self._bad += 1
                self.book.remove([found.key])
                self._room.unlink(found.key)
                raise BadDerivative(found.key, data)
        raise BadDerivative(found.key, "is not kept any more")

    def path(self, key: DerivativeKey) -> Path:
        """Where it lies when it is kept. ValueError, `BadName` for a key that leads elsewhere."""
        return self.files.path(key)

    def stage(self) -> Path:
        """A new path for a renderer's output (`Order.output`), on the same file system; cleared at start.
        Whoever asks for it ends in `keep`, which takes it, or removes it."""
        return self.files.stage()

    def keep(
        self,
        key: DerivativeKey,
        staged: Path,
        rendered: Rendered,
        layers: tuple[str, ...],
        seen_drops: int,
        own_layers: tuple[str, ...] = (),
    ) -> tuple[Derivative, bytes]:
        """Take a rendered file in; its facts and bytes, whether it could be kept or not.

        Only for sources of the node's own set: deletes of others are not announced here (`describe` gives
        the same without keeping). `own_layers` are of that set too: they were found a moment ago, here or by
        a peer, and may have left since. `staged` is gone afterwards. `BadDerivative` when it cannot be read
        or is not as `rendered` says.
        """
        try:
            derivative, data = facts_of(key, staged, rendered, layers)
            self._take(derivative, staged, seen_drops, own_layers)
        finally:
            _discard(staged)
        return derivative, data

    def describe(
        self, key: DerivativeKey, staged: Path, rendered: Rendered, layers: tuple[str, ...]
    ) -> tuple[Derivative, bytes]:
        """As `keep`, and nothing is kept; `staged` is gone afterwards."""
        try:
            return facts_of(key, staged, rendered, layers)
        finally:
            _discard(staged)

    def adopt(
        self, derivative: Derivative, data: bytes, seen_drops: int, own_layers: tuple[str, ...] = ()
    ) -> bool:
        """Keep what a peer rendered, as `keep` does; whether it is kept. `BadDerivative` when the bytes are
        not as told."""
        if reason := difference(derivative, data):
            raise BadDerivative(derivative.key, reason)
        if not self._fits(derivative):
            return False
        try:
            staged = self.files.write_staged(data)
        except OSError as error:
            self._not_kept(error)
            return False
        try:
            return self._take(derivative, staged, seen_drops, own_layers)
        finally:
            _discard(staged)

    def drop(self, bucket: str, sha256: str) -> None:
        """A blob left: remove, durably, all derivatives whose source or layer it is, and whatever is being
        made of it. May be repeated. `StoreFailed`, `NoSpace` when the disk refuses."""
        with self.lock:
            self._dropped.note(bucket, sha256)
            try:
                try:
                    self._drop(bucket, sha256)
                except BookClosed:  # damage: the book is begun anew, and what it forgot is served to nobody
                    self._drop(bucket, sha256)
            except BookClosed as error:
                raise StoreFailed("Derivatives of a blob that left cannot be found now.") from error

    def _drop(self, bucket: str, sha256: str) -> None:
        gone = self.book.of_blob(bucket, sha256)
        with ours:
            for key in gone:
                self.files.remove(key, durably=True)
            self.files.remove_folder(bucket, sha256)
        self.book.remove(gone)

    def give_way(self, wanted: int) -> int:
        """Evict until `wanted` bytes are freed, or nothing is left; the bytes freed."""
        freed = 0
        with suppress(BookClosed):
            while freed < wanted:
                with self.lock:  # let go again and again: somebody may wait to be served
                    some = self._room.evict(wanted - freed)
                if not some:
                    break
                freed += some
        return freed

    def note_asked(self) -> None:
        """Write down what was asked for; opens the book again after trouble that has passed."""
        with self.lock, suppress(BookClosed):
            self.book.write_asked()

    def usage(self) -> DerivativeUsage:
        """Figures for metrics and heartbeats; does not touch the disk."""
        book = self.book
        return DerivativeUsage(book.bytes, book.count, self._room.evictions, self._bad, self._unkept)

    def close(self) -> None:
        """Write down what was asked for lately. Nothing is found or kept afterwards."""
        with self.lock:
            with suppress(BookClosed):
                self.book.write_asked()
            self.book.close()

    def _fits(self, derivative: Derivative) -> bool:
        occupied = footprint(derivative.size)
        fits = occupied <= self._quota and self._has_room(occupied)
        self._unkept += not fits
        return fits

    def _take(
        self, derivative: Derivative, staged: Path, seen_drops: int, own_layers: tuple[str, ...]
    ) -> bool:
        if not self._fits(derivative):
            return False
        try:
            self.files.settle(staged, date_of(derivative))
            with self.lock:
                return self._place(derivative, staged, seen_drops, own_layers)
        except (OSError, BookClosed, AtollError) as error:
            self._not_kept(error)
            return False

    def _place(
        self, derivative: Derivative, staged: Path, seen_drops: int, own_layers: tuple[str, ...]
    ) -> bool:
        """The file first: one without a row is swept, and a row without its file would be a bad find."""
        key = derivative.key
        if self._dropped.any_since(seen_drops, derivative.blobs):
            return False
        # A peer gave it who has not heard of the delete, or a layer was found before it: the drop is over.
        if not all(self._needed(key.bucket, sha256) for sha256 in (key.sha256, *own_layers)):
            return False
        if self.book.find(key) is not None:
            self.book.remove([key])
            self.files.remove(key)
        self._room.make(footprint(derivative.size))
        self.files.place(staged, key)
        try:
            self.book.add(derivative)
        except BookClosed:
            self.files.remove(key)
            raise
        return True

    def _not_kept(self, error: Exception) -> None:
        log.warning("a derivative could not be kept: %s", error)
        self._unkept += 1


def _discard(staged: Path) -> None:
    """What cannot be removed now is cleared at the next start."""
    with suppress(OSError):
        staged.unlink(missing_ok=True)
