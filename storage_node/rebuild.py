"""After index.db was made anew from its journal: which of the bytes are here, and are they right?

Every record that came back is looked up on the disk: read, hashed, and indexed again; what is missing or
bad is set aside and wanted from a peer. What cannot be read just now is neither: it is looked at again later,
and does not keep the others waiting. The node serves meanwhile – whoever is faster than this has his
blob looked at on the spot, a reader (pull.py) and a peer (internal_blobs.py). The list of what is left is a
table, so that a stop or a crash takes nothing away from it. Events that may never have left the lost outbox
are said again: consumers know what they have heard.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import msgspec

from atoll.errors import AtollError
from atoll.events import BlobStored
from atoll.ids import id_time_ms
from atoll.model import AssetRecord
from storage_node.blob_locks import BlobLocks
from storage_node.index import HeldBlob, Index
from storage_node.index_ops import want
from storage_node.index_repairs import in_order, quarantined
from storage_node.index_rows import put_blob, put_event
from storage_node.index_writer import Operation
from storage_node.membership import Membership
from storage_node.origin import Origin
from storage_node.reclaim import Reclaimer
from storage_node.store import BlobKey, BlobStore

log = logging.getLogger(__name__)

T = TypeVar("T")

_Place = tuple[str, str]  # behind the record of this asset id and version
_Row = tuple[str, str, bytes | None]  # asset id, version, the record if it is still there

_AT_ONCE = 64
_RETRY_SECONDS = 10.0
_START = ("", "")
_REASON = "its bytes were not found when the index was made anew"


class Rebuilder:
    """`said_ms`: events younger than this are said again. `writers` are the threads that read and hash."""

    def __init__(
        self,
        index: Index,
        store: BlobStore,
        reclaimer: Reclaimer,
        locks: BlobLocks,
        origin: Origin,
        writers: Executor,
        rng: random.Random,
        membership: Membership,
        said_ms: int,
    ) -> None:
        self._index, self._store, self._reclaimer, self._locks = index, store, reclaimer, locks
        self._origin, self._writers, self._rng = origin, writers, rng
        self._membership, self._said_ms = membership, said_ms
        self._behind = _START

    async def run(self) -> None:
        """Look at what is left, then end."""
        await self._membership.is_member()
        done = 0
        while True:
            try:
                count = await self._in_thread(self.some)
            except AtollError as error:
                log.error("blobs cannot be looked at after the index was lost: %s", error.detail)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if not count:
                break
            done += count
        if done:
            log.warning("the index is whole again", extra={"records": done})

    def some(self) -> int:
        """Look at the next few records' bytes; how many, 0 when none is left. Blocking.

        What failed stays for the next turn, behind all others; the first error is raised in the end.
        """
        rows = self._next()
        self._behind = rows[-1][:2] if rows else _START
        errors = [error for row in rows if (error := self._attempt(*row)) is not None]
        if errors:
            raise errors[0]
        return len(rows)

    def _next(self) -> list[_Row]:
        rows = self._index.read(partial(_unchecked, behind=self._behind))
        return rows or self._index.read(partial(_unchecked, behind=_START))

    def _attempt(self, asset_id: str, version: str, body: bytes | None) -> AtollError | None:
        """Look at one record's bytes; the error if that cannot be done now."""
        checked = _checked(asset_id, version)
        try:
            if body is None:  # deleted since
                self._index.write(checked).result()
            else:
                self._look(msgspec.json.decode(body, type=AssetRecord), checked)
        except AtollError as error:
            return error
        return None

    async def look_for(self, key: BlobKey) -> bool:
        """Look at a blob's bytes at once; False unless they are to be looked at, and are here.

        `StoreFailed` when they cannot be read just now.
        """
        return await self._in_thread(partial(self._look_for, key))

    def _look_for(self, key: BlobKey) -> bool:
        row = self._index.read(lambda db: _unchecked_of(db, key))
        if row is None:
            return False
        asset_id, version, body = row
        self._look(msgspec.json.decode(body, type=AssetRecord), _checked(asset_id, version))
        return self._index.blob(key.bucket, key.sha256) is not None

    def _look(self, record: AssetRecord, checked: Operation[None]) -> None:
        def commit(digests: bytes) -> Operation[bool]:
            return self._found(record, digests, checked)

        if self._reclaimer.reclaim(record, commit, held=True) is None:
            self._set_aside(record, checked)

    def _found(self, record: AssetRecord, digests: bytes, checked: Operation[None]) -> Operation[bool]:
        def operation(db: sqlite3.Connection) -> bool:
            checked(db)
            now, name = self._origin.now_ms(), (record.bucket, bytes.fromhex(record.blob.sha256))
            if not db.execute("SELECT 1 FROM records WHERE bucket = ? AND sha256 = ?", name).fetchone():
                return False
            put_blob(db, record.blob, digests, now)
            if id_time_ms(record.version) > now - self._said_ms:
                put_event(db, BlobStored(**self._origin.stamp(now), asset=record))
            return True

        return operation

    def _set_aside(self, record: AssetRecord, checked: Operation[None]) -> None:
        """A bad copy goes into quarantine; either way others are told, and asked. All under the blob's lock:
        bytes that come now must not be taken for those that were missing."""
        key = BlobKey(record.bucket, record.blob.sha256, record.blob.ext)
        with self._locks.of(key.sha256):
            if self._index.blob(key.bucket, key.sha256) is not None:  # somebody pulled it a moment ago
                self._index.write(checked).result()
                return
            moved = self._store.quarantine(key)
            gone = quarantined(
                HeldBlob(record.blob, b"", 0, 0), moved.name if moved else "", _REASON, self._origin
            )
            wanted = want(record, _REASON, self._origin.now_ms(), self._rng)
            self._index.write(in_order(gone, wanted, checked)).result()
        log.error("a blob is not as its record says: %s", _REASON, extra=key._asdict())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writers, work)


def _unchecked(db: sqlite3.Connection, behind: _Place) -> list[_Row]:
    return db.execute(
        "SELECT u.asset_id, u.version, r.body FROM unchecked AS u LEFT JOIN records AS r"
        " ON r.asset_id = u.asset_id AND r.version = u.version"
        " WHERE (u.asset_id, u.version) > (?, ?) ORDER BY u.asset_id, u.version LIMIT ?",
        (*behind, _AT_ONCE),
    ).fetchall()


def _unchecked_of(db: sqlite3.Connection, key: BlobKey) -> tuple[str, str, bytes] | None:
    row: tuple[str, str, bytes] | None = db.execute(
        "SELECT r.asset_id, r.version, r.body FROM records AS r JOIN unchecked AS u"
        " ON u.asset_id = r.asset_id AND u.version = r.version WHERE r.bucket = ? AND r.sha256 = ? LIMIT 1",
        (key.bucket, bytes.fromhex(key.sha256)),
    ).fetchone()
    return row


def _checked(asset_id: str, version: str) -> Operation[None]:
    def operation(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM unchecked WHERE asset_id = ? AND version = ?", (asset_id, version))

    return operation
