"""Which resumable uploads there are, who is at one just now, and how many and how large they may be.

In the loop only, and never waits: what it says is what tus_shelf.py made durable. Of finished ones it
remembers as many as may be open: they answer who asks again, and the index knows their tickets in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from atoll.errors import Conflict, Gone, NotFound, Overloaded, TooLarge
from atoll.signing import Ticket
from atoll.tus_errors import UploadLocked
from storage_node.space import SpaceGuard
from storage_node.tus_record import TusRecord


@dataclass(frozen=True)
class TusLimits:
    """`uploads`, `bytes`: open on the node. `parts`: open for each file of a ticket."""

    uploads: int
    bytes: int
    parts: int


class TusBook:
    """`space`: room is held for the bytes that are still to come."""

    def __init__(self, limits: TusLimits, space: SpaceGuard, known: Iterable[TusRecord] = ()) -> None:
        self._limits, self._space = limits, space
        self._records: dict[str, TusRecord] = {}
        self._busy: set[str] = set()
        for record in known:
            self.put(record)

    @property
    def open(self) -> int:
        """Uploads that are no asset yet."""
        return sum(record.open for record in self._records.values())

    @property
    def promised_bytes(self) -> int:
        """What they will have when they are complete. A final upload's bytes are those of its parts."""
        return sum(r.length for r in self._records.values() if r.open and r.kind != "final")

    @property
    def kept_bytes(self) -> int:
        """What they have on the disk."""
        return sum(r.offset for r in self._records.values() if r.open and r.kind != "final")

    def get(self, upload_id: str, now: int) -> TusRecord:
        """`NotFound`, or `Gone` after its time."""
        record = self._records.get(upload_id)
        if record is None:
            raise NotFound("There is no such upload: it has ended, expired, or was terminated.")
        if now >= record.expires_at:
            raise Gone("This upload has expired. Begin anew.", expired_at=record.expires_at)
        return record

    def ticket_of(self, upload_id: str) -> Ticket | None:
        """What an upload was begun with; None when it is not known, or not any more."""
        record = self._records.get(upload_id)
        return record.ticket if record else None

    @contextmanager
    def locked(self, *upload_ids: str) -> Iterator[None]:
        """Nobody else is at these uploads meanwhile; `UploadLocked` when somebody is."""
        if self._busy.intersection(upload_ids):
            raise UploadLocked("Another request is at this upload. Ask again how far it is.", retry_after=1)
        self._busy.update(upload_ids)
        try:
            yield
        finally:
            self._busy.difference_update(upload_ids)

    def is_busy(self, upload_id: str) -> bool:
        """Whether somebody is at it."""
        return upload_id in self._busy

    def put(self, record: TusRecord) -> None:
        """This is how it stands now."""
        self._space.hold(_to_come(record) - _to_come(self._records.get(record.id)))
        self._records.pop(record.id, None)  # at the end, so that finished ones are in order
        self._records[record.id] = record

    def drop(self, upload_id: str) -> None:
        """It is no more; harmless when it never was."""
        self._space.hold(-_to_come(self._records.pop(upload_id, None)))

    def check_room(self, length: int, ticket: Ticket, per_file: int) -> None:
        """Whether an upload of `length` bytes may begin. `per_file`: most bytes of a file of this ticket.

        `Overloaded`, `NoSpace`, `StoreFailed`; `TooLarge` when the ticket has no more to give.
        """
        limits, open_now, promised = self._limits, self.open, self.promised_bytes
        if open_now >= limits.uploads:
            raise Overloaded("Too many uploads are unfinished.", limit=limits.uploads, retry_after=30)
        if promised + length > limits.bytes:
            raise Overloaded(
                "Unfinished uploads take all the room they may.", limit=limits.bytes, retry_after=30
            )
        allowed = per_file * ticket.max_files
        own = sum(r.length for r in self._of(ticket) if r.open and r.kind != "final")
        if own + length > allowed:
            raise TooLarge(
                f"This ticket's unfinished uploads may have {allowed} bytes.", limit=allowed, got=own + length
            )
        self._space.check(length)

    def check_parts(self, ticket: Ticket) -> None:
        """`Conflict` when a ticket has as many unfinished parts as it may."""
        limit = self._limits.parts * ticket.max_files
        if sum(r.kind == "partial" for r in self._of(ticket)) >= limit:
            raise Conflict(f"This ticket's uploads may have {limit} unfinished parts.", limit=limit)

    def free_number(self, ticket: Ticket) -> tuple[int, str | None]:
        """Which of its ticket's files a new upload is, and whose place it takes: one that received nothing
        was begun by a request whose answer got lost. `Conflict` when all files are taken."""
        taken = {r.file: r for r in self._of(ticket) if r.kind != "partial"}
        for number in range(ticket.max_files):
            if number not in taken:
                return number, None
        for number, record in taken.items():
            if record.open and record.offset == 0 and record.id not in self._busy:
                return number, record.id
        raise Conflict(
            f"This ticket is for {ticket.max_files} files, and as many uploads were begun with it."
            " Go on with them, terminate one, or ask for a new ticket.",
            limit=ticket.max_files,
        )

    def _of(self, ticket: Ticket) -> list[TusRecord]:
        return [r for r in self._records.values() if r.ticket.ticket_id == ticket.ticket_id]

    def due(self, now: int) -> list[str]:
        """What may be forgotten: the expired, and the oldest finished beyond the limit. Nobody is at them."""
        done = [r.id for r in self._records.values() if not r.open]
        surplus = set(done[: max(0, len(done) - self._limits.uploads)])
        return [
            r.id
            for r in self._records.values()
            if (now >= r.expires_at or r.id in surplus) and r.id not in self._busy
        ]


def _to_come(record: TusRecord | None) -> int:
    return record.left if record and record.open and record.kind != "final" else 0
