"""Lookups that all query services share, in Redis or Valkey.

Called by the lookup and by the invalidation. Refuses to matter: no method raises because of Redis; without it
every read is a miss. What it must never do is give back what has been invalidated. How that is kept, beyond
the epoch in every key (`redis_link`):

*A load that began before an invalidation must not store its old value after it.* An invalidation does not
delete a key, it writes a mark in it (an empty value, for MARK_SECONDS), and values are stored with NX, which
a mark refuses. A loader takes a lease before it reads the catalog and stores nothing when the lease is older
than LEASE_SECONDS; so when the mark expires, every load that began before it has given up. Until then readers
find the mark, which is a miss. A lease kept in Redis, as in Facebook's memcache, would let a value in sooner
but costs a second round trip on every miss.

*An asset whose upload has a ticket* has a word in its key, until it has come: who misses it there may wait
for it (`arrivals`). It bars the key to NX like a mark, and goes with an epoch as all else.

*A process that dies while it owes a new epoch* takes its debt with it. Values carry the time they were read
from the catalog and are worth nothing after MAX_AGE_SECONDS, however often their expiry was refreshed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from redis.asyncio import Redis

from atoll.backoff import Backoff
from query_service.cache_value import SHAPE, read_value, write_value
from query_service.catalog_asset import CatalogAsset
from query_service.redis_link import TIMEOUTS_IN_A_ROW, Command, NoAnswerError, RedisLink

READ_SECONDS, AGAIN_SECONDS = 0.1, 0.3  # what a dead Redis costs a request, until it counts as lost
WRITE_SECONDS = 1.0  # only tickets wait for a write; one that fails costs a whole epoch, or a ticket's word
LEASE_SECONDS = 2.0
MARK_SECONDS = 6  # well above a lease and a write together: clocks run at different speeds
MAX_AGE_SECONDS = 3600

_MARK = b""
_EXPECTED = b"expected:"  # until when, ":" and since when, in Unix milliseconds
# Values are kept for longer because they are used, marks and words are not: GETEX would keep one for an hour
# for all who ask meanwhile, and the asset out of the cache with it.
_IS_WORD = (
    f"local function is_word(v) return string.sub(v, 1, {len(_EXPECTED)}) == '{_EXPECTED.decode()}' end"
)
_READ = f"""
{_IS_WORD}
local values = redis.call('MGET', unpack(KEYS))
for i, value in ipairs(values) do
    if value and value ~= '' and not is_word(value) then redis.call('EXPIRE', KEYS[i], ARGV[1]) end
end
return values
"""
# In the place of a mark, of an older word, or (ARGV[3]) of nothing; a value that is there stays.
_EXPECT = f"""
{_IS_WORD}
for _, key in ipairs(KEYS) do
    local value = redis.call('GET', key)
    local free = not value and ARGV[3] == '1' or value and (value == '' or is_word(value))
    if free then redis.call('SET', key, ARGV[1], 'EX', ARGV[2]) end
end
"""
# A word bars NX as a mark does, unless it ends before a mark would (ARGV[2]), and stands for an upload that
# has not come, unless it is no younger than what has (ARGV[3]; both Unix milliseconds).
_MARK_UNLESS_EXPECTED = f"""
{_IS_WORD}
local value = redis.call('GET', KEYS[1])
local stays = false
if value and is_word(value) then
    local till, since = string.match(value, ':(%d+):(%d+)$')
    stays = tonumber(till) > tonumber(ARGV[2]) and tonumber(since) > tonumber(ARGV[3])
end
if not stays then redis.call('SET', KEYS[1], '', 'EX', ARGV[1]) end
"""
# A value that cannot be read would bar its key to NX for ever. Removed only if it is still the same: a mark
# may have come in between, and must stay.
_REMOVE_IF_SAME = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"


class Lease(NamedTuple):
    """The right to store what is read from the catalog from now on. `taken_at` is monotonic seconds."""

    epoch: str
    taken_at: float


class Kept(NamedTuple):
    """What Redis knows of the assets asked for."""

    assets: Mapping[str, CatalogAsset] = MappingProxyType({})
    expected: Mapping[str, str] = MappingProxyType({})  # uploads of these may be under way; the word of each
    answered: bool = False  # it was asked, and its answer is worth something


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
        self._seconds, self._clock, self._now_ms = seconds, clock, now_ms
        self._link = RedisLink(redis, clock, backoff)
        self._slow = 0  # first answers in a row that came too late

    @property
    def up(self) -> bool:
        """Whether Redis is used now."""
        return self._link.up

    async def wait_up(self) -> None:
        """Return once Redis is used."""
        await self._link.wait_up()

    async def run(self) -> None:
        """Keep Redis in use, for ever."""
        await self._link.run()

    def lose(self) -> None:
        """Use Redis no more until a new epoch is set."""
        self._link.lose()

    def lease(self) -> Lease:
        """To be taken before the catalog is read, for `put`."""
        return Lease(self._link.epoch, self._clock())

    async def get(self, asset_ids: Sequence[str]) -> Kept:
        """Those of the assets that are here (their expiry starts again), and those expected.

        Asked twice if need be: one slow answer is not yet a lost server, and an upload's word may be there.
        """
        kept = await self._get(asset_ids, READ_SECONDS)
        if kept.answered or not self.up:
            self._slow = 0
            return kept
        self._slow += 1
        if self._slow > TIMEOUTS_IN_A_ROW:
            self._link.lose()  # it answers, and each time too late to be of use
            return kept
        return await self._get(asset_ids, AGAIN_SECONDS)

    async def _get(self, asset_ids: Sequence[str], seconds: float) -> Kept:
        epoch = self._link.epoch
        keys = [_key(epoch, asset_id) for asset_id in asset_ids]
        try:
            replies = await self._link.call(
                epoch, [("EVAL", _READ, len(keys), *keys, self._seconds)], seconds
            )
            if replies is None:
                return Kept()
            values = replies[0]
            kept, useless = self._read(zip(asset_ids, values, strict=True))
            if useless:
                await self._link.call(epoch, [_removal(epoch, *entry) for entry in useless], seconds)
        except NoAnswerError:
            return Kept()
        return kept

    def _read(self, entries: Iterable[tuple[str, bytes | None]]) -> tuple[Kept, list[tuple[str, bytes]]]:
        """What is in `entries`, and the entries that are no good. Nothing and a mark are neither."""
        not_before = self._now_ms() - MAX_AGE_SECONDS * 1000
        found: dict[str, CatalogAsset] = {}
        expected: dict[str, str] = {}
        useless: list[tuple[str, bytes]] = []
        for asset_id, value in entries:
            if not value:
                continue
            if value.startswith(_EXPECTED):
                expected[asset_id] = value.decode(errors="replace")
                continue
            asset = read_value(value, not_before)
            if asset is not None and asset.record.asset_id == asset_id:
                found[asset_id] = asset
            else:
                useless.append((asset_id, value))
        return Kept(found, expected, answered=True), useless

    async def expect(self, asset_ids: Sequence[str], seconds: int, *, known: bool = False) -> None:
        """Uploads of these may be under way, for `seconds` or until they have come. Best effort.

        `known`: the catalog has them, so that nobody needs to wait unless it was told that they are gone.
        """
        since = self._now_ms()
        word = _EXPECTED + b"%d:%d" % (since + seconds * 1000, since)
        with contextlib.suppress(NoAnswerError):
            for _ in range(2):  # somebody may have set a new epoch
                epoch = self._link.epoch
                keys = [_key(epoch, asset_id) for asset_id in asset_ids]
                command = ("EVAL", _EXPECT, len(keys), *keys, word, seconds, "0" if known else "1")
                if await self._link.call(epoch, [command], WRITE_SECONDS) is not None or not self.up:
                    return

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
            await self._link.call(lease.epoch, writes, WRITE_SECONDS, until)
        except NoAnswerError:
            self._link.lose()

    async def invalidate(
        self, asset_ids: Collection[str] | None, came: Mapping[str, int] | None = None
    ) -> bool:
        """Forget these assets, or all. False when Redis was not told; then a new epoch will be set.

        `came`: of these something came, of that time (Unix ms), and what had a ticket since then is expected
        still, as it is of the others, though what was there has changed or gone. None: nothing is expected.
        """
        await self._link.first_try()
        while self.up and asset_ids is not None:
            epoch = self._link.epoch
            marks = [self._mark(epoch, i, None if came is None else came.get(i, 0)) for i in asset_ids]
            try:
                if await self._link.call(epoch, marks, WRITE_SECONDS) is not None:
                    return True
            except NoAnswerError:
                break
            # Somebody has set a new epoch: mark in that one.
        self._link.lose()  # to arrive again is also how everything is forgotten
        return False

    def _mark(self, epoch: str, asset_id: str, came: int | None) -> Command:
        key = _key(epoch, asset_id)
        if came is None:
            return ("SET", key, _MARK, "EX", MARK_SECONDS)
        until = self._now_ms() + MARK_SECONDS * 1000
        return ("EVAL", _MARK_UNLESS_EXPECTED, 1, key, MARK_SECONDS, until, came)


def _key(epoch: str, asset_id: str) -> str:
    return f"atoll:lookup:{SHAPE}:{epoch}:{asset_id}"


def _removal(epoch: str, asset_id: str, value: bytes) -> Command:
    return ("EVAL", _REMOVE_IF_SAME, 1, _key(epoch, asset_id), value)
