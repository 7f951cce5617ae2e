"""Recording what administrators do: to the stream at once, or to a file here until the stream is back. I/O.

Owns the file `audit_unsent.jsonl` in the state directory, bounded: when it is full, audited requests are
refused before anything is done. The answer to a request waits until its record is durable in one of the
two. Called by routing.py for every route that is audited.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import msgspec

from atoll.atomic_file import fsync_directory, write_atomically
from atoll.backoff import Backoff
from atoll.bus import BusUnavailable
from atoll.errors import Unavailable
from query_service.audit_stream import AuditRecord, AuditStream

log = logging.getLogger(__name__)

MAX_UNSENT_BYTES = 8 * 2**20


class AuditTrail:
    """`run` must run for records in the file to be sent."""

    def __init__(self, stream: AuditStream, state_dir: Path, backoff: Backoff) -> None:
        self._stream, self._backoff = stream, backoff
        self._path = state_dir / "audit_unsent.jsonl"
        self._lock = asyncio.Lock()
        self._size = self._path.stat().st_size if self._path.exists() else 0
        self._unsent = asyncio.Event()
        if self._size:
            self._unsent.set()

    def check(self) -> None:
        """`Unavailable` while nothing more can be recorded: then nothing is to be done either."""
        if self._size >= MAX_UNSENT_BYTES:
            raise Unavailable(
                "This cannot be recorded now: NATS is away, and the file that waits for it is full.",
                limit=MAX_UNSENT_BYTES,
                retry_after=5,
            )

    async def record(self, record: AuditRecord) -> None:
        """Return when it is durable. `OSError` is said in the log: what was done is done."""
        try:
            await self._stream.write(record)
        except BusUnavailable as error:
            log.warning("an audit record waits in a file: %s", error.detail)
            async with self._lock:
                await self._keep(record)

    async def run(self) -> None:
        """Send what waits in the file, for ever."""
        while True:
            await self._unsent.wait()
            try:
                await self._send()
                self._backoff.reset()
            except (BusUnavailable, OSError) as error:
                log.debug("audit records still wait: %r", error)
                await asyncio.sleep(self._backoff.next())

    async def _keep(self, record: AuditRecord) -> None:
        line = msgspec.json.encode(record) + b"\n"
        try:
            await asyncio.to_thread(_append, self._path, line)
        except OSError as error:
            log.critical("an audit record is lost: %s", error, extra={"facts": msgspec.to_builtins(record)})
            return
        self._size += len(line)
        self._unsent.set()

    async def _send(self) -> None:
        async with self._lock:
            lines = (await asyncio.to_thread(self._path.read_bytes)).splitlines()
            sent = 0
            try:
                for line in lines:
                    if (record := _read(line)) is not None:
                        await self._stream.write(record)
                    sent += 1
            finally:
                left = b"".join(line + b"\n" for line in lines[sent:])
                await asyncio.to_thread(write_atomically, self._path, left)
                self._size = len(left)
            self._unsent.clear()


def _append(path: Path, line: bytes) -> None:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        fsync_directory(path.parent)


def _read(line: bytes) -> AuditRecord | None:
    try:
        return msgspec.json.decode(line, type=AuditRecord)
    except msgspec.MsgspecError as error:  # a power cut tore it
        log.error("an unsent audit record cannot be read: %s", error)
        return None
