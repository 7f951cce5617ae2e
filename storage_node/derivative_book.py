"""The bookkeeping as its store uses it: order is made again when the file is rubbish, and asks are batched.

Between derivative_store.py, which holds its lock over every call, and derivative_rows.py. A file that turns
out to be rubbish is thrown away on the spot and begun anew, empty; the files it knew are swept away later
(`unswept`), and served never again. Trouble that may pass is `BookClosed`, and the file is tried again.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage_node.derivative import Derivative, DerivativeKey
from storage_node.derivative_eviction import GreedyDual, Worth, footprint
from storage_node.derivative_flaws import ROW_ERRORS, flaw_of, is_flaw, remove_rows
from storage_node.derivative_rows import DerivativeRows, Kept

log = logging.getLogger(__name__)

_BATCH = 1024  # asks noted in memory; more are written down at once


class BookClosed(Exception):
    """Nothing can be looked up or written down now."""


class DerivativeBook:
    """`path` of the file. `unswept`: files may lie on the disk that are not in the book."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: DerivativeRows | None = None
        self._asked: dict[DerivativeKey, Worth] = {}
        self._greedy = GreedyDual()
        self._closed = False
        self.unswept = True
        self.bytes = self.count = 0

    def open(self) -> None:
        """So that the figures are known."""
        with self._using():
            pass

    def examine(self) -> str | None:
        """What is wrong with the file, if anything. Reads all of it, by itself: no lock need be held."""
        return flaw_of(self._path)

    def find(self, key: DerivativeKey) -> Derivative | None:
        """As noted; no ask."""
        with self._using() as rows:
            row = rows.get(key)
        return row[0] if row else None

    def ask(self, key: DerivativeKey) -> Derivative | None:
        """As `find`, and it is asked for now."""
        with self._using() as rows:
            row = rows.get(key)
            if row is None:
                return None
            derivative, occupied = row
            self._asked[key] = self._greedy.asked(derivative.cost_seconds, occupied)
            if len(self._asked) >= _BATCH:
                self._write_asked(rows)
        return derivative

    def add(self, derivative: Derivative) -> None:
        """Its key must not be there."""
        occupied = footprint(derivative.size)
        with self._using() as rows:
            rows.put(derivative, occupied, self._greedy.asked(derivative.cost_seconds, occupied))

    def remove(self, keys: list[DerivativeKey]) -> None:
        """Strike these out."""
        with self._using() as rows:
            rows.remove(keys)
            for key in keys:
                self._asked.pop(key, None)

    def of_blob(self, bucket: str, sha256: str) -> list[DerivativeKey]:
        """All that have this blob as source or layer."""
        with self._using() as rows:
            return rows.of_blob(bucket, sha256)

    def layers(self) -> list[tuple[str, str]]:
        """(bucket, sha256) of every blob that is a layer of something."""
        with self._using() as rows:
            return rows.layers()

    def after(self, key: DerivativeKey | None, most: int) -> list[DerivativeKey]:
        """The next ones, for a walk over all."""
        with self._using() as rows:
            return rows.after(key, most)

    def least(self, wanted: int, most: int) -> list[Kept]:
        """Up to `most` of the least worth, until they make `wanted` bytes together."""
        some: list[Kept] = []
        with self._using() as rows:
            with suppress(sqlite3.OperationalError):  # a full disk: what leaves makes room
                self._write_asked(rows)
            freed = 0
            for kept in rows.least_worth(most):
                if freed >= wanted:
                    break
                freed += kept.occupied
                some.append(kept)
        return some

    def strike(self, evicted: list[Kept]) -> None:
        """These left for others."""
        self.remove([kept.key for kept in evicted])
        for kept in evicted:
            self._greedy.left(kept.worth)

    def write_asked(self) -> None:
        """Write down what was asked for since the last time."""
        with self._using() as rows:
            self._write_asked(rows)

    def _write_asked(self, rows: DerivativeRows) -> None:
        if self._asked:
            rows.asked(self._asked)
            self._asked.clear()

    def begin_anew(self, reason: str) -> None:
        """Throw the file away. `BookClosed` when the disk refuses; what is there is not believed then."""
        log.error("the bookkeeping of derivatives is begun anew: %s", reason)
        self._let_go()
        self.unswept = True
        try:
            remove_rows(self._path)
        except OSError as error:
            raise BookClosed(str(error)) from error

    def close(self) -> None:
        """Open it no more."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        self._asked.clear()
        rows, self._rows, self.bytes, self.count = self._rows, None, 0, 0
        if rows is not None:
            rows.close()

    @contextmanager
    def _using(self) -> Iterator[DerivativeRows]:
        """The open file. Everything that SQLite says becomes `BookClosed` here."""
        try:
            rows = self._rows or self._opened()
            yield rows
            self.bytes, self.count = rows.bytes, rows.count
        except ROW_ERRORS as error:
            if is_flaw(error) or not self._path.exists():
                self.begin_anew(str(error))
            else:
                log.warning("the bookkeeping of derivatives failed: %s", error)
            raise BookClosed(str(error)) from error

    def _opened(self) -> DerivativeRows:
        if self._closed:
            raise BookClosed("the node is stopping")
        try:
            rows = DerivativeRows(self._path)
        except ROW_ERRORS as error:
            if not is_flaw(error):
                raise
            self.begin_anew(str(error))
            rows = DerivativeRows(self._path)
        self._rows, self.bytes, self.count = rows, rows.bytes, rows.count
        least = rows.least_worth(1)
        self._greedy = GreedyDual(least[0].worth.worth if least else 0.0, rows.turn)
        return rows
