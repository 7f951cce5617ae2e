"""A new resumable upload: what a ticket allows of it, which of the ticket's files it is, its record on disk.

Called by tus_api.py with a ticket that was looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from atoll.errors import Conflict, Forbidden
from atoll.signing import Ticket
from storage_node.body_pace import too_large
from storage_node.tus_address import TusAddress, new_upload_id
from storage_node.tus_book import TusBook
from storage_node.tus_finish import Finisher, described
from storage_node.tus_headers import Concat, Headers, concat_of, parse_metadata, upload_length
from storage_node.tus_record import Kind, TusRecord
from storage_node.tus_shelf import TusShelf


@dataclass(frozen=True)
class CreationRules:
    """Limits of one creation. `limit_of` gives the most bytes a ticket's file may have; `clock`: Unix ms."""

    max_parts: int
    max_metadata: int
    expiry_ms: int
    limit_of: Callable[[Ticket], int]
    clock: Callable[[], int]


class Creation:
    """`threads` write."""

    def __init__(
        self,
        rules: CreationRules,
        address: TusAddress,
        shelf: TusShelf,
        book: TusBook,
        finisher: Finisher,
        threads: Executor,
    ) -> None:
        self._rules, self._address, self._shelf, self._book = rules, address, shelf, book
        self._finisher, self._threads = finisher, threads

    async def create(self, ticket: Ticket, headers: Headers) -> TusRecord:
        """A durable, empty upload – or, of a final one, a record in memory: what is durable are its parts."""
        metadata = headers.get("Upload-Metadata", "")
        parse_metadata(metadata, self._rules.max_metadata)
        described(metadata)
        concat = concat_of(headers, self._rules.max_parts)
        if concat is not None and concat.final:
            return self._final(ticket, concat, metadata)
        limit = self._rules.limit_of(ticket)
        length = upload_length(headers, limit)
        self._book.check_room(length, ticket, limit)
        if concat is not None:
            self._book.check_parts(ticket)
            return await self._begin(self._record("partial", ticket, -1, length, metadata))
        file, replaced = self._book.free_number(ticket)
        if replaced is not None:
            with self._book.locked(replaced):
                await self._finisher.forget(replaced)
        return await self._begin(self._record("whole", ticket, file, length, metadata))

    async def _begin(self, record: TusRecord) -> TusRecord:
        self._book.put(record)  # first, so that its room and number are taken while the disk works
        try:
            with self._book.locked(record.id):
                work = partial(self._shelf.create, record)
                await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except BaseException:  # cancelled too: nobody was told of it
            self._book.drop(record.id)
            raise
        return record

    def _final(self, ticket: Ticket, concat: Concat, metadata: str) -> TusRecord:
        parts = tuple(self._address.opened(url) for url in concat.urls)
        if len(set(parts)) != len(parts):
            raise Conflict("An upload has each part once.")
        length = sum(self._part(ticket, upload_id).length for upload_id in parts)
        limit = self._rules.limit_of(ticket)
        if length > limit:
            raise too_large(limit, length)
        file, _replaced = self._book.free_number(ticket)
        return self._record("final", ticket, file, length, metadata, parts)

    def _part(self, ticket: Ticket, upload_id: str) -> TusRecord:
        part = self._book.get(upload_id, self._rules.clock())
        if part.ticket.ticket_id != ticket.ticket_id:
            raise Forbidden("A final upload and its parts have the same ticket.")
        if part.kind != "partial":
            raise Conflict("A final upload is made of partial ones.")
        if part.left:
            raise Conflict(
                "A part is not complete yet.", part=upload_id, offset=part.offset, length=part.length
            )
        return part

    def _record(
        self,
        kind: Kind,
        ticket: Ticket,
        file: int,
        length: int,
        metadata: str,
        parts: tuple[str, ...] = (),
    ) -> TusRecord:
        now = self._rules.clock()
        return TusRecord(
            id=new_upload_id(),
            kind=kind,
            ticket=ticket,
            file=file,
            length=length,
            metadata=metadata,
            parts=parts,
            created_at=now,
            expires_at=now + self._rules.expiry_ms,
        )
