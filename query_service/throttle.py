"""Throttling: how many requests an API key, or an anonymous address, may make. I/O: Redis, in the background.

A request pays no round trip. Each instance leases tokens from the bucket in Redis, a few at a time, and
spends them from memory; when half of a lease is spent the next one is asked for. Only who has none left
waits, and not longer than `wait_seconds`. So all instances together let in what the bucket holds: a lease
that is never spent makes it less, never more.

    Redis says no                 429 until it has tokens again; nobody asks Redis meanwhile
    Redis is away, slow, not set  a bucket in memory, for this instance alone, as full as Redis last said:
                                  k instances then let in k times as much, better than nothing, or nobody

The script uses the server's clock: those of the instances may differ. Called by routing.py.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable

from atoll.errors import TooManyRequests
from query_service.shared_redis import SharedRedis
from query_service.token_bucket import LocalBucket, Rate

MAX_SUBJECTS = 50_000  # remembered here, about 500 bytes each; the one that asked longest ago is forgotten
LEASE_SECONDS = 2.0  # unspent tokens are worth nothing later: the bucket has filled up again meanwhile

# Takes up to ARGV[3] tokens; returns how many, in how many milliseconds the next one comes, and what is left.
_TAKE = """
local per_second, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
level = math.min(burst, level + math.max(0, now - at) * per_second / 1000)
local taken = math.min(wanted, math.floor(level))
level = level - taken
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / per_second * 1000) + 1000)
return {taken, math.ceil((1 - math.min(1, level)) / per_second * 1000), math.floor(level)}
"""


class _Account:
    """What one subject may still do here. Times are monotonic seconds."""

    __slots__ = ("asking", "level", "local", "refused_until", "tokens", "until")

    def __init__(self) -> None:
        self.tokens, self.until, self.refused_until = 0, 0.0, 0.0
        self.level = 0  # what the bucket held after the last lease
        self.asking: asyncio.Task[None] | None = None
        self.local: LocalBucket | None = None


class Throttle:
    """One kind of subject (`name`), one rate. `clock` gives monotonic seconds."""

    def __init__(
        self,
        name: str,
        rate: Rate,
        redis: SharedRedis | None,
        clock: Callable[[], float],
        wait_seconds: float = 0.02,
    ) -> None:
        self._name, self._rate, self._redis, self._clock = name, rate, redis, clock
        self._wait_seconds, self._low = wait_seconds, rate.lease / 2
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self.off = rate.per_second == 0
        self.policy = "" if self.off else f'"{name}";q={rate.burst};w={rate.window}'
        self._left = f'"{name}";r='

    def spend(self, subject: str) -> bool:
        """Whether the request may go on at once; otherwise `wait` decides. No I/O, no waiting."""
        if self.off:
            return True
        account = self._accounts.get(subject)
        if account is None or not account.tokens or self._clock() >= account.until:
            return False
        account.tokens -= 1
        if (
            account.tokens < self._low
            and account.asking is None
            and self._redis is not None
            and self._redis.answers
        ):
            self._ask(subject, account)
        return True

    def left(self, subject: str) -> str:
        """How many requests the subject may make now, as `RateLimit` says it: as last heard, never more."""
        account = self._accounts.get(subject)
        return f"{self._left}{account.level + account.tokens if account is not None else 0}"

    async def wait(self, subject: str) -> None:
        """Return when the request may go on; `TooManyRequests` with what to do when it may not."""
        account = self._account(subject)
        now = self._clock()
        if now < account.refused_until:
            raise self._refusal(account.refused_until - now)
        if self._redis is not None and self._redis.answers:
            await self._lease(subject, account)
            if self.spend(subject):
                return
            now = self._clock()
            if now < account.refused_until:
                raise self._refusal(account.refused_until - now)
        elif self._redis is not None and account.asking is None:
            self._ask(subject, account)  # so that it is noticed when Redis is back
        self._lease_locally(account, now)
        account.tokens -= 1

    async def close(self) -> None:
        """End what is under way."""
        asking = [account.asking for account in self._accounts.values() if account.asking]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _lease(self, subject: str, account: _Account) -> None:
        """Wait for tokens, shortly; all who need some of this subject wait for the same answer."""
        task = account.asking or self._ask(subject, account)
        await asyncio.wait([task], timeout=self._wait_seconds)

    def _ask(self, subject: str, account: _Account) -> asyncio.Task[None]:
        task = asyncio.create_task(self._take(subject, account), name="throttle lease")
        account.asking = task
        return task

    async def _take(self, subject: str, account: _Account) -> None:
        assert self._redis is not None, "without Redis nobody asks it"
        rate, key = self._rate, f"atoll:rate:{self._name}:{subject}"
        try:
            command = ("EVAL", _TAKE, 1, key, rate.per_second, rate.burst, rate.lease)
            reply = await self._redis.call(command, self._wait_seconds)
        finally:
            account.asking = None
        if reply is None:
            return
        taken, next_ms, level = (int(number) for number in reply)
        now = self._clock()
        account.local = LocalBucket(rate, now, level)
        account.level = level
        account.tokens = taken + (account.tokens if now < account.until else 0)
        account.until = now + LEASE_SECONDS
        if not taken:
            account.refused_until = now + next_ms / 1000

    def _lease_locally(self, account: _Account, now: float) -> None:
        if account.local is None:
            account.local = LocalBucket(self._rate, now)
        taken, seconds = account.local.take(now)
        if not taken:
            account.refused_until = now + seconds
            raise self._refusal(seconds)
        account.tokens, account.until, account.level = taken, now + LEASE_SECONDS, account.local.level

    def _account(self, subject: str) -> _Account:
        account = self._accounts.get(subject)
        if account is None:
            account = self._accounts[subject] = _Account()
            if len(self._accounts) > MAX_SUBJECTS:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(subject)
        return account

    def _refusal(self, seconds: float) -> TooManyRequests:
        rate = self._rate
        return TooManyRequests(
            f"More than {rate.per_second} requests a second, after a burst of {rate.burst}: come back later.",
            policy=self._name,
            limit=rate.per_second,
            burst=rate.burst,
            window=rate.window,
            retry_after=max(1, math.ceil(seconds)),
        )
