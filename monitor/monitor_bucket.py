"""What monitors share with each other: sealed documents in the key-value bucket `ATOLL_MONITOR`. I/O.

Sealed with the cluster secret, so that access to NATS alone makes nobody leader and silences nothing.
What cannot be opened counts as not there. `BusUnavailable` when NATS does not answer.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple, TypeVar

import msgspec
import nats.js.errors
from msgspec import Struct
from nats.js.api import KeyValueConfig, StorageType

from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.errors import Conflict
from atoll.kept_bucket import KeptBucket
from atoll.signing import Keys, seal, seal_matches

BUCKET = "ATOLL_MONITOR"
ANSWER_SECONDS = 2.0
MAX_BYTES = 900_000  # a message of NATS has a mebibyte

T = TypeVar("T")


class _Sealed(Struct, frozen=True):
    seal: str
    body: msgspec.Raw


class Document(NamedTuple):
    """What was read: the bytes of a sealed document (None: there is none), and the revision to replace."""

    body: bytes | None
    revision: int | None

    def read(self, kind: type[T]) -> T | None:
        """The document as a `kind`; None when there is none that can be understood."""
        try:
            return None if self.body is None else msgspec.json.decode(self.body, type=kind)
        except msgspec.MsgspecError:
            return None


class MonitorBucket:
    """Reads and replaces documents."""

    def __init__(self, bus: Bus, keys: Keys, *, domain: str | None, replicas: int) -> None:
        config = KeyValueConfig(bucket=BUCKET, history=1, storage=StorageType.FILE, replicas=replicas)
        self._keys, self._bucket = keys, KeptBucket(bus, domain, config)

    async def get(self, key: str) -> Document:
        """The document under `key`."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                entry = await self._bucket.use(lambda bucket: bucket.get(key))
        except (nats.js.errors.KeyNotFoundError, nats.js.errors.KeyDeletedError) as error:
            gone = getattr(error, "entry", None)  # a deleted one has a revision that must be replaced
            return Document(None, gone.revision if gone is not None else None)
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"{key} cannot be read: {error!r}", retry_after=1) from error
        return Document(self._opened(key, entry.value or b""), entry.revision)

    async def put(self, key: str, document: Struct, revision: int | None) -> int:
        """Write it in the place of `revision` (None: where there is none); the new revision.

        `Conflict` when somebody else was faster.
        """
        body = msgspec.json.encode(document)
        if len(body) > MAX_BYTES:
            raise BusUnavailable(f"{key} is too long to be shared: {len(body)} bytes")
        sealed = msgspec.json.encode(
            _Sealed(seal(self._keys.event, f"monitor.{key}", body), msgspec.Raw(body))
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._bucket.use(
                    lambda bucket: (
                        bucket.create(key, sealed)
                        if revision is None
                        else bucket.update(key, sealed, revision)
                    )
                )
        except nats.js.errors.KeyWrongLastSequenceError as error:
            raise Conflict(f"{key} has just been changed by another monitor.") from error
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"{key} cannot be written: {error!r}", retry_after=1) from error

    def _opened(self, key: str, value: bytes) -> bytes | None:
        try:
            sealed = msgspec.json.decode(value, type=_Sealed)
        except msgspec.MsgspecError:
            return None
        body = bytes(sealed.body)
        return body if seal_matches(self._keys.event, f"monitor.{key}", body, sealed.seal) else None
