"""The bookkeeping of kept derivatives: an SQLite file that may be lost, torn or full of rubbish at any time.

A file of its own and not index.db: nothing here is worth an fsync, and rubbish in it must cost nothing but
renderings. WAL with synchronous=NORMAL: a killed process loses nothing, a power cut the last changes, and
the file stays in order (https://www.sqlite.org/pragma.html#pragma_synchronous). One connection, used under
its owner's lock (derivative_store.py). Raises `ROW_ERRORS` (derivative_flaws.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from atoll.errors import BadName
from storage_node.derivative import Derivative, DerivativeKey, check_key
from storage_node.derivative_eviction import Worth, footprint
from storage_node.derivative_flaws import rubbish
from storage_node.index_schema import WAL_BYTES

_VERSION = 1
_TABLES = """
-- body: the facts as JSON. worth, turn: see derivative_eviction.py. occupied: bytes on the disk.
CREATE TABLE derivatives (
    bucket TEXT NOT NULL, sha256 BLOB NOT NULL, name TEXT NOT NULL, occupied INTEGER NOT NULL,
    worth REAL NOT NULL, turn INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (bucket, sha256, name)) WITHOUT ROWID;
CREATE INDEX derivatives_by_worth ON derivatives (worth, turn);
CREATE TABLE layers (
    bucket TEXT NOT NULL, layer BLOB NOT NULL, sha256 BLOB NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (bucket, layer, sha256, name)) WITHOUT ROWID;
CREATE INDEX layers_by_derivative ON layers (bucket, sha256, name);
"""
_CACHE_KIB = 8 * 1024


class Kept(NamedTuple):
    """A derivative that is kept: what it occupies on the disk, and what it is worth."""

    key: DerivativeKey
    occupied: int
    worth: Worth


class DerivativeRows:
    """An open file. `bytes` occupied by all, their `count`, and the highest `turn` when it was opened."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
            row = self._db.execute(
                "SELECT coalesce(sum(occupied), 0), count(*), coalesce(max(turn), 0) FROM derivatives"
            ).fetchone()
            if not all(isinstance(number, int) for number in row):
                raise rubbish("numbers of other types")
            self.bytes, self.count, self.turn = row
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", f"journal_size_limit = {WAL_BYTES}"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise sqlite3.OperationalError(f"made by another version of Atoll: {version}")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def get(self, key: DerivativeKey) -> tuple[Derivative, int] | None:
        """The facts, and the bytes occupied. A row that says something else than its key is rubbish."""
        row = self._db.execute(
            "SELECT body, occupied FROM derivatives WHERE bucket = ? AND sha256 = ? AND name = ?",
            _columns(key),
        ).fetchone()
        if row is None:
            return None
        try:
            derivative = msgspec.json.decode(row[0], type=Derivative)
        except (msgspec.DecodeError, ValueError, TypeError) as error:
            raise rubbish(str(error)) from error
        if derivative.key != key or row[1] != footprint(derivative.size):
            raise rubbish("a row contradicts itself")
        return derivative, footprint(derivative.size)

    def put(self, derivative: Derivative, occupied: int, worth: Worth) -> None:
        """Add one; its key must not be there."""
        columns, body = _columns(derivative.key), msgspec.json.encode(derivative)
        with self._transaction():
            self._db.execute(
                "INSERT INTO derivatives VALUES (?, ?, ?, ?, ?, ?, ?)", (*columns, occupied, *worth, body)
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO layers VALUES (?, ?, ?, ?)",
                [(columns[0], bytes.fromhex(layer), *columns[1:]) for layer in derivative.layers],
            )
        self.bytes += occupied
        self.count += 1

    def remove(self, keys: Iterable[DerivativeKey]) -> None:
        """Forget these; those that are not there do no harm."""
        gone, freed = 0, 0
        with self._transaction():
            for key in keys:
                columns = _columns(key)
                self._db.execute("DELETE FROM layers WHERE bucket = ? AND sha256 = ? AND name = ?", columns)
                for (occupied,) in self._db.execute(
                    "DELETE FROM derivatives WHERE bucket = ? AND sha256 = ? AND name = ? RETURNING occupied",
                    columns,
                ).fetchall():
                    gone, freed = gone + 1, freed + occupied
        self.bytes -= freed
        self.count -= gone

    def asked(self, worths: dict[DerivativeKey, Worth]) -> None:
        """Note what these are worth since they were asked for."""
        with self._transaction():
            self._db.executemany(
                "UPDATE derivatives SET worth = ?, turn = ? WHERE bucket = ? AND sha256 = ? AND name = ?",
                [(*worth, *_columns(key)) for key, worth in worths.items()],
            )

    def of_blob(self, bucket: str, sha256: str) -> list[DerivativeKey]:
        """All that have this blob as source or layer."""
        blob = (bucket, bytes.fromhex(sha256))
        rows = self._db.execute(
            "SELECT bucket, sha256, name FROM derivatives WHERE bucket = ? AND sha256 = ?"
            " UNION SELECT bucket, sha256, name FROM layers WHERE bucket = ? AND layer = ?",
            (*blob, *blob),
        )
        return [_key(*row) for row in rows.fetchall()]

    def layers(self) -> list[tuple[str, str]]:
        """(bucket, sha256) of every blob that is a layer of something."""
        rows = self._db.execute("SELECT DISTINCT bucket, layer, 'any' FROM layers").fetchall()
        return [_key(*row)[:2] for row in rows]

    def least_worth(self, most: int) -> list[Kept]:
        """Those to leave first."""
        rows = self._db.execute(
            "SELECT bucket, sha256, name, occupied, worth, turn FROM derivatives"
            " ORDER BY worth, turn LIMIT ?",
            (most,),
        )
        return [_kept(*row) for row in rows.fetchall()]

    def after(self, key: DerivativeKey | None, most: int) -> list[DerivativeKey]:
        """The next ones in the order of their keys, for a walk over all."""
        rows = self._db.execute(
            "SELECT bucket, sha256, name FROM derivatives WHERE (bucket, sha256, name) > (?, ?, ?)"
            " ORDER BY bucket, sha256, name LIMIT ?",
            (*(_columns(key) if key else ("", b"", "")), most),
        )
        return [_key(*row) for row in rows.fetchall()]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _columns(key: DerivativeKey) -> tuple[str, bytes, str]:
    return key.bucket, bytes.fromhex(key.sha256), key.name


def _key(bucket: object, sha256: object, name: object) -> DerivativeKey:
    """SQLite gives back what it finds: a bit that fell over may have made another type of it."""
    if not (isinstance(bucket, str) and isinstance(sha256, bytes) and isinstance(name, str)):
        raise rubbish("a key of other types")
    try:
        return check_key(DerivativeKey(bucket, sha256.hex(), name))
    except (ValueError, BadName) as error:
        raise rubbish(str(error)) from error


def _kept(
    bucket: object, sha256: object, name: object, occupied: object, worth: object, turn: object
) -> Kept:
    if not (isinstance(occupied, int) and isinstance(worth, float) and isinstance(turn, int)):
        raise rubbish("numbers of other types")
    return Kept(_key(bucket, sha256, name), occupied, Worth(worth, turn))
