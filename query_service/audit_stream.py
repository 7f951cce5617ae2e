"""The stream that keeps the audit record: one for the cluster, in the domain of the cluster map. I/O.

A stream and not a collection, because what is recorded here changes the map, which lives on the same
servers: with MongoDB away both still work. Bounded by age and bytes; the oldest leave first. Nobody can
take a single record out of it through NATS, and records are sealed with the cluster's secret, so that none
can be slipped in.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import msgspec
import nats.js.errors
from msgspec import Struct
from nats.js.api import DiscardPolicy, StorageType, StreamConfig

from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.events import SIGNATURE_HEADER
from atoll.signing import Keys, seal, seal_matches

log = logging.getLogger(__name__)

STREAM, SUBJECT = "ATOLL_AUDIT", "atoll.audit"
MAX_BYTES = 64 * 2**20  # about 150,000 records; JetStream sets so much of its disk aside
MAX_RECORD_BYTES = 16 * 1024
_READ_AT_ONCE = 16
_IN_USE = 10058  # JetStream error code: stream name already in use (somebody was faster)


class AuditRecord(Struct, frozen=True):
    """One action of an administrator. `at`: Unix milliseconds, when it was answered; `key`: the API key's
    name; `result`: "ok", or what the problem was; `address`: of the connection, perhaps a proxy's.
    """

    id: str
    at: int
    key: str
    method: str
    path: str
    status: int
    result: str
    service: str
    address: str
    facts: dict[str, str] = {}


@dataclass(frozen=True)
class AuditRules:
    """Where the stream lives, for how many days records are kept, in how many copies."""

    domain: str | None
    days: int
    replicas: int


class AuditStream:
    """Writes and reads. Every method raises `BusUnavailable` when JetStream does not answer."""

    def __init__(self, bus: Bus, keys: Keys, rules: AuditRules) -> None:
        self._bus, self._keys, self._rules = bus, keys, rules

    async def write(self, record: AuditRecord) -> None:
        """Return when the stream has it; writing it again changes nothing for some minutes."""
        body = msgspec.json.encode(record)
        headers = {SIGNATURE_HEADER: seal(self._keys.event, SUBJECT, body), "Nats-Msg-Id": record.id}
        try:
            await self._bus.publish_kept(SUBJECT, body, headers, self._rules.domain)
        except BusUnavailable:
            await self._ensure()  # the first record, or a wiped NATS
            await self._bus.publish_kept(SUBJECT, body, headers, self._rules.domain)

    async def page(self, before: int | None, limit: int) -> tuple[list[AuditRecord], int | None]:
        """Up to `limit` records, the newest first, older than number `before`; and the number to go on
        with.
        """
        try:
            state = (await self._bus.jetstream(self._rules.domain).stream_info(STREAM)).state
        except nats.js.errors.NotFoundError:
            return [], None
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"the audit record cannot be read: {error!r}", retry_after=1) from error
        newest = state.last_seq if before is None else min(state.last_seq, before - 1)
        oldest = max(newest - limit + 1, state.first_seq, 1)
        room = asyncio.Semaphore(_READ_AT_ONCE)
        found = await asyncio.gather(*(self._read(number, room) for number in range(newest, oldest - 1, -1)))
        return [record for record in found if record], oldest if oldest > max(state.first_seq, 1) else None

    async def _read(self, number: int, room: asyncio.Semaphore) -> AuditRecord | None:
        async with room:
            try:
                kept = await self._bus.jetstream(self._rules.domain).get_msg(STREAM, number)
            except nats.js.errors.NotFoundError:
                return None  # it has just left, being the oldest
            except FOREIGN_ERRORS as error:
                raise BusUnavailable(f"the audit record cannot be read: {error!r}", retry_after=1) from error
        body, headers = kept.data or b"", kept.headers or {}
        if not seal_matches(self._keys.event, SUBJECT, body, headers.get(SIGNATURE_HEADER, "")):
            log.error("audit record %d is not ours", number)
            return None
        return msgspec.json.decode(body, type=AuditRecord)

    async def _ensure(self) -> None:
        """Make the stream unless it is there."""
        config = StreamConfig(
            name=STREAM,
            subjects=[SUBJECT],
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=self._rules.days * 86400.0,
            max_bytes=MAX_BYTES,
            max_msg_size=2 * MAX_RECORD_BYTES,
            num_replicas=self._rules.replicas,
            duplicate_window=600.0,
            deny_delete=True,
        )
        try:
            await self._bus.jetstream(self._rules.domain).add_stream(config)
            log.info("made stream %s", STREAM)
        except nats.js.errors.BadRequestError as error:
            if error.err_code != _IN_USE:
                raise BusUnavailable(f"stream {STREAM} cannot be made: {error!r}") from error
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"stream {STREAM} cannot be made: {error!r}", retry_after=1) from error
