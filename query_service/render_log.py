"""What each key, or session of its application, had made of images lately: bounded lists in Redis. I/O.

Noted when a URL with a transformation is given out: in memory, at no cost to the request, and written once a
second. The list is for a page "your recent images" and for nothing else: it is lost with Redis, and what is
noted while Redis is away is given up. One entry per image and transformation, the latest time counts. Called
by the handlers of URLs, and by history_api.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from query_service.shared_redis import SharedRedis

_EVERY_SECONDS = 1.0
_SECONDS = 1.0  # for a call; nobody's request waits for a write
_WAITING = 10_000  # entries in memory until the next write; more are given up
_KEY = "atoll:rendered:"
_PUT = """
redis.call('ZADD', KEYS[1], unpack(ARGV, 3))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[1] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
_AT_ONCE = 500  # arguments of one call stay far below what Lua unpacks


class Rendered(NamedTuple):
    """An image, what was made of it, and when (Unix ms)."""

    asset_id: str
    transformation: str
    at: int


class RenderLog:
    """Keeps `keep` entries of each for `days` after the last one; without `redis` none. `keep` 0: none."""

    def __init__(self, redis: SharedRedis | None, keep: int, days: int, clock_ms: Callable[[], int]) -> None:
        self._redis = redis if keep else None
        self._keep, self._days, self._clock_ms = keep, days, clock_ms
        self._waiting: dict[tuple[str, str], int] = {}

    def note(self, by: str, asset_id: str, transformation: str) -> None:
        """Cheap: called for every URL with a transformation."""
        if by and self._redis is not None and len(self._waiting) < _WAITING:
            self._waiting[by, f"{asset_id} {transformation}"] = self._clock_ms()

    async def run(self) -> None:
        """Write once a second, for ever."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await self.write()

    async def write(self) -> None:
        """What was noted, into Redis."""
        waiting, self._waiting = self._waiting, {}
        entries: dict[str, list[str | int]] = {}
        for (by, member), at in waiting.items():
            entries.setdefault(by, []).extend((at, member))
        for by, pairs in entries.items():
            for start in range(0, len(pairs), _AT_ONCE):
                await self._put(by, pairs[start : start + _AT_ONCE])

    async def last(self, by: str) -> list[Rendered] | None:
        """The newest first; None when Redis cannot be asked."""
        if self._redis is None:
            return None
        await self.write()
        command = ("ZREVRANGE", _KEY + by, 0, self._keep - 1, "WITHSCORES")
        told = await self._redis.call(command, _SECONDS)
        return None if told is None else _read(told)

    async def _put(self, by: str, pairs: list[str | int]) -> None:
        if self._redis is not None:
            seconds = self._days * 86_400
            await self._redis.call(("EVAL", _PUT, 1, _KEY + by, self._keep, seconds, *pairs), _SECONDS)


def _read(told: object) -> list[Rendered]:
    """What ZREVRANGE answers, in either protocol: pairs, or members and scores in turn."""
    items = list(told) if isinstance(told, (list, tuple)) else []
    if items and not isinstance(items[0], (list, tuple)):
        items = list(zip(items[::2], items[1::2], strict=False))
    found = []
    for member, score in items:
        asset_id, _, text = bytes(member).decode().partition(" ")
        found.append(Rendered(asset_id, text, int(float(score))))
    return found
