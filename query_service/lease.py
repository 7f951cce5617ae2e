"""A lease in NATS: which query service does what only one should do at a time. I/O.

Owns the key-value bucket `ATOLL_UPKEEP`, in the domain of the cluster map: leases, and notes of what was
done. Taken by compare-and-set; whoever holds it renews it, and after its time anybody may take it. Clocks
that differ, or a holder that sleeps, may let two hold it for a moment: what is done under it must bear that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
import nats.js.errors
from msgspec import Struct
from nats.js.api import KeyValueConfig, StorageType
from nats.js.kv import KeyValue

from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.kept_bucket import KeptBucket

T = TypeVar("T")

BUCKET = "ATOLL_UPKEEP"
NOTES_SECONDS = 90 * 86400.0


class _Held(Struct, frozen=True):
    holder: str
    until: int


class UpkeepNotes:
    """The key-value bucket. `BusUnavailable` without NATS."""

    def __init__(self, bus: Bus, domain: str | None, replicas: int) -> None:
        config = KeyValueConfig(
            bucket=BUCKET,
            history=1,
            ttl=NOTES_SECONDS,
            storage=StorageType.FILE,
            replicas=replicas,
            max_value_size=64 * 1024,
        )
        self._bucket = KeptBucket(bus, domain, config)

    async def note(self, key: str, value: Struct) -> None:
        """Keep it for 90 days; a later one of the same key replaces it."""
        try:
            await self._bucket.use(lambda bucket: bucket.put(key, msgspec.json.encode(value)))
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"{key} cannot be noted: {error!r}", retry_after=1) from error

    async def noted(self, key: str, kind: type[T]) -> T | None:
        """What was noted last; None when nothing was, or nothing that can be read."""
        try:
            kept = await self._bucket.use(lambda bucket: bucket.get(key))
            return msgspec.json.decode(kept.value or b"", type=kind)
        except (nats.js.errors.KeyNotFoundError, nats.js.errors.KeyDeletedError, msgspec.MsgspecError):
            return None
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"{key} cannot be read: {error!r}", retry_after=1) from error

    async def take(self, key: str, holder: str, now: int, until: int) -> bool:
        """Hold the lease `key` until then (Unix ms); False while somebody else holds it."""
        mine = msgspec.json.encode(_Held(holder, until))
        try:
            return await self._bucket.use(
                lambda bucket: _swap(
                    bucket, key, mine, lambda held: held.holder == holder or held.until <= now
                )
            )
        except nats.js.errors.KeyWrongLastSequenceError:
            return False  # somebody was faster
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"the lease {key} cannot be taken: {error!r}", retry_after=1) from error


async def _swap(bucket: KeyValue, key: str, mine: bytes, may: Callable[[_Held], bool]) -> bool:
    try:
        kept = await bucket.get(key)
    except nats.js.errors.KeyNotFoundError:
        await bucket.create(key, mine)
        return True
    if not may(_held(kept.value or b"")):
        return False
    await bucket.update(key, mine, last=kept.revision)
    return True


def _held(value: bytes) -> _Held:
    try:
        return msgspec.json.decode(value, type=_Held)
    except msgspec.MsgspecError:
        return _Held("", 0)  # not ours: nobody holds it
