"""The writes of index.db, each one operation for the group commit. Pure SQL on the given connection.

An operation is all or nothing: blob, record, ticket and event are committed together or not at all –
this is the durable outbox of the write contract.
"""

from __future__ import annotations

import random
import sqlite3

import msgspec

from atoll.errors import Conflict, TicketReplayed
from atoll.events import BlobReplicated, BlobStored
from atoll.ids import id_time_ms
from atoll.model import AssetRecord, Blob
from atoll.signing import Ticket
from storage_node.index_naming import KEEP_ALL, VersionPolicy, bury_older, check_free
from storage_node.index_rows import (
    encode,
    is_covered,
    is_held,
    next_version,
    put_blob,
    put_event,
    put_looks,
    put_record,
)
from storage_node.index_writer import Operation
from storage_node.made_of import still_the_same
from storage_node.origin import Origin

_WANTED_FIRST_MS, _WANTED_CAP_MS = 5_000, 600_000
# A used ticket is remembered for a day after it expired: resumable uploads may end so late (settings.py).
_TICKET_MEMORY_MS = 86_400_000


def store_upload(
    ticket: Ticket,
    file: int,
    asset_id: str,
    blob: Blob,
    digests: bytes,
    filename: str | None,
    origin: Origin,
    versions: VersionPolicy = KEEP_ALL,
    sent: str | None = None,
    made_of: AssetRecord | None = None,
) -> Operation[AssetRecord]:
    """An upload's blob is in place and durable: commit blob, record, ticket and event.

    The same ticket with the same bytes gives the record it gave before; with others `TicketReplayed`.
    `AlreadyExists` for a ticket that may not overwrite. `sent`: see `AssetRecord`. With `made_of` it is
    that image's next version, with its words as they are in this commit; `Conflict`, `NotFound` (made_of.py).
    """

    def operation(db: sqlite3.Connection) -> AssetRecord:
        now = origin.now_ms()
        if (before := _stored_before(db, ticket, file, blob)) is not None:
            if put_blob(db, blob, digests, now):  # it had been quarantined since: held again
                put_event(db, replicated(blob, origin, now))
            return before
        if not ticket.overwrite:
            check_free(db, asset_id, ticket.public_id or asset_id)
        record = _next_record(db, now, ticket, asset_id, blob, filename, sent, made_of)
        put_blob(db, blob, digests, now)
        put_record(db, record)
        db.execute(
            "INSERT INTO tickets VALUES (?, ?, ?, ?, ?, ?)",
            (ticket.ticket_id, file, bytes.fromhex(blob.sha256), asset_id, record.version, ticket.expires_at),
        )
        put_event(db, BlobStored(**origin.stamp(now), asset=record))
        if not versions.keep:
            bury_older(db, record, origin, versions.trash_seconds)
        return record

    return operation


def _next_record(
    db: sqlite3.Connection,
    now: int,
    ticket: Ticket,
    asset_id: str,
    blob: Blob,
    filename: str | None,
    sent: str | None,
    made_of: AssetRecord | None,
) -> AssetRecord:
    """The asset's next version, with the words of the ticket or of what it is made of; see `store_upload`."""
    source = None if made_of is None else still_the_same(db, made_of)
    words, seen = source or ticket, source.version if source else ""
    return AssetRecord(
        asset_id=asset_id,
        public_id=ticket.public_id or asset_id,
        # The ticket's id is as old as the ticket: a node whose clock is behind makes no version that an
        # earlier delete covers.
        version=next_version(db, asset_id, max(now, id_time_ms(ticket.ticket_id)), seen),
        set=ticket.set,
        blob=blob,
        created_at=now,
        tags=words.tags,
        context=words.context,
        title=words.title,
        alt=words.alt,
        filename=filename,
        by=ticket.by,
        sent=sent,
    )


def _stored_before(db: sqlite3.Connection, ticket: Ticket, file: int, blob: Blob) -> AssetRecord | None:
    """The record that the same ticket with the same bytes gave; None when it was not used."""
    used = db.execute(
        "SELECT sha256, asset_id, version FROM tickets WHERE ticket_id = ? AND file = ?",
        (ticket.ticket_id, file),
    ).fetchone()
    if used is None:
        return None
    sha256, asset_id, version = used
    if sha256.hex() != blob.sha256:
        raise TicketReplayed(
            "This ticket was used for other bytes. Ask for a new one.", stored=sha256.hex(), got=blob.sha256
        )
    row = db.execute(
        "SELECT body FROM records WHERE asset_id = ? AND version = ?", (asset_id, version)
    ).fetchone()
    if row is None:
        raise Conflict(
            "What this ticket stored has been deleted since. Ask for a new one.", asset_id=asset_id
        )
    return msgspec.json.decode(row[0], type=AssetRecord)


def store_replica(record: AssetRecord, digests: bytes, origin: Origin) -> Operation[bool]:
    """A pulled blob is in place and durable: commit it and its receipt. False if a tombstone forbids it."""

    def operation(db: sqlite3.Connection) -> bool:
        db.execute("DELETE FROM wanted WHERE asset_id = ? AND version = ?", (record.asset_id, record.version))
        if is_covered(db, record):
            return False
        now = origin.now_ms()
        put_blob(db, record.blob, digests, now)
        put_record(db, record)
        put_event(db, replicated(record.blob, origin, now))
        return True

    return operation


def add_record(record: AssetRecord, origin: Origin) -> Operation[bool]:
    """Another asset uses a blob that is held: commit its record, and say again that we hold the bytes.

    False if a tombstone forbids it; LookupError if the blob is not held after all.
    """

    def operation(db: sqlite3.Connection) -> bool:
        blob = record.blob
        if not is_held(db, blob):
            raise LookupError(blob.sha256)
        db.execute("DELETE FROM wanted WHERE asset_id = ? AND version = ?", (record.asset_id, record.version))
        if is_covered(db, record):
            return False
        put_record(db, record)
        put_looks(db, blob)
        put_event(db, replicated(blob, origin, origin.now_ms()))
        return True

    return operation


def replicated(blob: Blob, origin: Origin, now: int) -> BlobReplicated:
    """The event that says: held here, verified and fsynced."""
    return BlobReplicated(
        **origin.stamp(now), bucket=blob.bucket, sha256=blob.sha256, ext=blob.ext, size=blob.size
    )


def published(seqs: list[int]) -> Operation[None]:
    """These events are in their stream."""

    def operation(db: sqlite3.Connection) -> None:
        db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in seqs])

    return operation


def want(record: AssetRecord, reason: str, now: int, rng: random.Random) -> Operation[None]:
    """Remember durably that these bytes are missing; each further time waits longer, up to ten minutes."""

    def operation(db: sqlite3.Connection) -> None:
        if is_covered(db, record):
            return
        row = db.execute(
            "SELECT tries FROM wanted WHERE asset_id = ? AND version = ?", (record.asset_id, record.version)
        ).fetchone()
        tries = row[0] + 1 if row else 1
        wait = min(_WANTED_CAP_MS, _WANTED_FIRST_MS * 2 ** min(tries - 1, 20))
        due_at = now + int(wait * rng.uniform(0.5, 1.0))
        db.execute(
            "INSERT INTO wanted VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asset_id, version)"
            " DO UPDATE SET tries = excluded.tries, reason = excluded.reason, due_at = excluded.due_at",
            (
                record.bucket,
                bytes.fromhex(record.blob.sha256),
                record.asset_id,
                record.version,
                encode(record),
                now,
                tries,
                reason[:300],
                due_at,
            ),
        )

    return operation


def forget_expired_tickets(now: int) -> Operation[int]:
    """Forget tickets that expired more than a day ago: they cannot be replayed any more."""

    def operation(db: sqlite3.Connection) -> int:
        return db.execute("DELETE FROM tickets WHERE expires_at < ?", (now - _TICKET_MEMORY_MS,)).rowcount

    return operation
