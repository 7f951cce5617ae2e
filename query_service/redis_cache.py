"""Lookups that all query services share, in Redis or Valkey. The only module that speaks to it.

Called by the lookup and by the invalidation. Refuses to matter: no method raises because of Redis; without it
every read is a miss. What it must never do is give back what has been invalidated. How that is kept:

*A load that began before an invalidation must not store its old value after it.* An invalidation does not
delete a key, it writes a mark in it (an empty value, for MARK_SECONDS), and values are stored with NX, which
a mark refuses. A loader takes a lease before it reads the catalog and stores nothing when the lease is older
than LEASE_SECONDS; so when the mark expires, every load that began before it has given up. Until then readers
find the mark, which is a miss. A lease kept in Redis, as in Facebook's memcache, would let a value in sooner
but costs a second round trip on every miss.

*An invalidation that could not be delivered must not be forgotten.* Keys contain an epoch, which lies in
Redis too and is read with every call. Whoever lost Redis – a connection broke, calls timed out in a row, an
invalidation failed – sets a new epoch before using it again, and so forgets all entries at once: it cannot
know what was missed meanwhile, nor whether a fail-over lost the last writes. All others see the new epoch
with their next call. Flushing the database was refused: it may not be ours alone.

*A process that dies while it owes a new epoch* takes its debt with it. Values carry the time they were read
from the catalog and are worth nothing after MAX_AGE_SECONDS, however often their expiry was refreshed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from atoll.backoff import Backoff
from atoll.ids import new_id
from query_service.cache_value import SHAPE, read_value, write_value
from query_service.catalog_asset import CatalogAsset

log = logging.getLogger(__name__)

READ_SECONDS = 0.1  # what a dead Redis may cost a request, and only until it counts as lost
WRITE_SECONDS = 1.0  # no request waits for a write, and one that fails costs a whole epoch
ARRIVE_SECONDS = 2.0
TIMEOUTS_IN_A_ROW = 3  # one slow call is not yet a lost server
LEASE_SECONDS = 2.0
MARK_SECONDS = 6  # well above a lease and a write together: clocks run at different speeds
MAX_AGE_SECONDS = 3600
CONNECTIONS = 8  # calls under way at once; the lookup puts many keys into one call
EPOCH_KEY = f"atoll:lookup:{SHAPE}:epoch"

_MARK = b""
_ERRORS = (RedisError, OSError, TimeoutError)
# Values are kept for longer because they are used, marks are not: GETEX would keep one for an hour for all
# who ask meanwhile, and the asset out of the cache with it.
_READ = """
local values = redis.call('MGET', unpack(KEYS))
for i, value in ipairs(values) do
    if value and value ~= '' then redis.call('EXPIRE', KEYS[i], ARGV[1]) end
end
return values
"""
# A value that cannot be read would bar its key to NX for ever. Removed only if it is still the same: a mark
# may have come in between, and must stay.
_REMOVE_IF_SAME = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"

Command = tuple[Any, ...]


class _NoAnswerError(Exception):
    """Redis did not answer in time, or with an error."""


class Lease(NamedTuple):
    """The right to store what is read from the catalog from now on. `taken_at` is monotonic seconds."""

    epoch: str
    taken_at: float


class RedisCache:
    """Assets by id, as long as Redis answers. `run` must run for it to be anything but empty."""

    def __init__(
        self,
        redis: Redis,
        *,
        seconds: int,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
        backoff: Backoff,
    ) -> None:
        """`seconds` is how long an entry stays after its last use; `clock` is monotonic."""
        self._redis, self._seconds = redis, seconds
        self._clock, self._now_ms, self._backoff = clock, now_ms, backoff
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._epoch = ""
        self._owes_epoch = False
        self._timeouts = 0
        self._lost = asyncio.Event()
        self._up = asyncio.Event()
        self._tried = asyncio.Event()

    @property
    def up(self) -> bool:
        """Whether Redis is used now."""
        return self._up.is_set()

    async def wait_up(self) -> None:
        """Return once Redis is used."""
        await self._up.wait()

    async def run(self) -> None:
        """Keep it in use: arrive, wait for a loss, arrive again."""
        while True:
            try:
                await self._arrive()
            except _ERRORS as error:
                self._owes_epoch = True
                log.debug("Redis does not answer: %r", error)
                self._tried.set()
                await asyncio.sleep(self._backoff.next())
                continue
            self._tried.set()
            self._backoff.reset()
            log.info("the lookup cache in Redis is in use")
            await self._lost.wait()
            log.warning("the lookup cache in Redis is lost; the catalog answers instead")

    async def _arrive(self) -> None:
        """Agree on the epoch. Repeated when an invalidation failed while we were asking for a new one."""
        epoch = ""
        # Idle connections from before the loss are as dead as the one that broke, and the pool cannot tell.
        await self._redis.connection_pool.disconnect(inuse_connections=False)
        while not epoch or self._owes_epoch:
            fresh, self._owes_epoch = self._owes_epoch, False
            set_epoch = ("SET", EPOCH_KEY, new_id()) if fresh else ("SET", EPOCH_KEY, new_id(), "NX")
            replies = await self._send([set_epoch, ("GET", EPOCH_KEY)], ARRIVE_SECONDS)
            epoch = _text(replies[1])
        self._epoch, self._timeouts = epoch, 0
        self._lost.clear()
        self._up.set()

    def lose(self) -> None:
        """Use Redis no more until a new epoch is set."""
        self._owes_epoch = True
        self._up.clear()
        self._lost.set()

    def lease(self) -> Lease:
        """To be taken before the catalog is read, for `put`."""
        return Lease(self._epoch, self._clock())

    async def get(self, asset_ids: Sequence[str]) -> dict[str, CatalogAsset]:
        """Those of the assets that are here; their expiry starts again."""
        epoch = self._epoch
        keys = [_key(epoch, asset_id) for asset_id in asset_ids]
        try:
            replies = await self._call(
                epoch, [("EVAL", _READ, len(keys), *keys, self._seconds)], READ_SECONDS
            )
            values = replies[0] if replies else []
            found, useless = self._read(zip(asset_ids, values, strict=bool(values)))
            if useless:
                await self._call(epoch, [_removal(epoch, *entry) for entry in useless], READ_SECONDS)
        except _NoAnswerError:
            return {}
        return found

    def _read(
        self, entries: Iterable[tuple[str, bytes | None]]
    ) -> tuple[dict[str, CatalogAsset], list[tuple[str, bytes]]]:
        """The assets in `entries`, and the entries that are no good. Nothing and a mark are neither."""
        not_before = self._now_ms() - MAX_AGE_SECONDS * 1000
        found: dict[str, CatalogAsset] = {}
        useless: list[tuple[str, bytes]] = []
        for asset_id, value in entries:
            if not value:
                continue
            asset = read_value(value, not_before)
            if asset is not None and asset.record.asset_id == asset_id:
                found[asset_id] = asset
            else:
                useless.append((asset_id, value))
        return found, useless

    async def put(self, lease: Lease, assets: Mapping[str, CatalogAsset]) -> None:
        """Store what was read from the catalog under `lease`, unless it was invalidated meanwhile.

        One that is not answered may be carried out by a stalled server when the mark has expired: only a new
        epoch makes that harmless.
        """
        if not assets or not self.up:
            return
        now = self._now_ms()
        writes = [
            ("SET", _key(lease.epoch, asset_id), write_value(asset, now), "NX", "EX", self._seconds)
            for asset_id, asset in assets.items()
        ]
        until = lease.taken_at + LEASE_SECONDS
        try:
            await self._call(lease.epoch, writes, WRITE_SECONDS, until)
        except _NoAnswerError:
            self.lose()

    async def invalidate(self, asset_ids: Collection[str] | None) -> bool:
        """Forget these assets, or all. False when Redis was not told; then a new epoch will be set."""
        await self._first_try()
        while self.up and asset_ids is not None:
            epoch = self._epoch
            marks = [("SET", _key(epoch, asset_id), _MARK, "EX", MARK_SECONDS) for asset_id in asset_ids]
            try:
                if await self._call(epoch, marks, WRITE_SECONDS) is not None:
                    return True
            except _NoAnswerError:
                break
            # Somebody has set a new epoch: mark in that one.
        self.lose()  # to arrive again is also how everything is forgotten
        return False

    async def _first_try(self) -> None:
        """An indexer may be faster than the first connection; a restart must not cost all entries."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), ARRIVE_SECONDS)

    async def _call(
        self, epoch: str, commands: Sequence[Command], seconds: float, until: float = math.inf
    ) -> list[Any] | None:
        """The replies to commands on keys of `epoch`. None when Redis is not used or the epoch is another.

        Not begun after `until` (monotonic seconds): waiting for a free connection takes its time. Raises
        `_NoAnswerError` when the commands may have been carried out or not.
        """
        async with self._slots:
            if not self.up or self._clock() > until:
                return None
            try:
                current, *replies = await self._send([("GET", EPOCH_KEY), *commands], seconds)
            except _ERRORS as error:
                self._failed(error)
                raise _NoAnswerError from error
        self._timeouts = 0
        self._follow(_text(current))
        return replies if _text(current) == epoch else None

    async def _send(self, commands: Sequence[Command], seconds: float) -> list[Any]:
        async with asyncio.timeout(seconds):
            pipeline = self._redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute()
        return replies

    def _failed(self, error: Exception) -> None:
        log.debug("Redis: %r", error)
        self._timeouts += 1
        slow = isinstance(error, TimeoutError | RedisTimeoutError)
        if not slow or self._timeouts >= TIMEOUTS_IN_A_ROW:
            self.lose()

    def _follow(self, epoch: str) -> None:
        if epoch:
            self._epoch = epoch
        else:
            self.lose()  # somebody wiped it


def _key(epoch: str, asset_id: str) -> str:
    return f"atoll:lookup:{SHAPE}:{epoch}:{asset_id}"


def _removal(epoch: str, asset_id: str, value: bytes) -> Command:
    return ("EVAL", _REMOVE_IF_SAME, 1, _key(epoch, asset_id), value)


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else ""
