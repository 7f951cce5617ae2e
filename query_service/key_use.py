"""When each API key was last used, to the minute: no request writes anything. I/O.

`ApiKeys` notes in memory which keys were used; once a minute, and before it is shown, that goes to Redis in
one command for all. Without Redis each instance knows only what it saw itself. Called by app.py and
keys_api.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from atoll.api_keys import ApiKeys
from query_service.shared_redis import SharedRedis

WRITE_EVERY_SECONDS = 60.0
_SECONDS = 1.0  # for a call; nobody's request waits
_HASH = "atoll:keys:used"


class KeyUse:
    """Collects and tells. `clock_ms` gives Unix milliseconds."""

    def __init__(self, keys: ApiKeys, redis: SharedRedis | None, clock_ms: Callable[[], int]) -> None:
        self._keys, self._redis, self._clock_ms = keys, redis, clock_ms
        self._seen: dict[str, int] = {}
        self._unwritten: set[str] = set()

    async def run(self) -> None:
        """Write once a minute."""
        while True:
            await asyncio.sleep(WRITE_EVERY_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Put what was used since the last time into Redis; what it does not take is kept for the next."""
        used, now = self._keys.take_used(), self._clock_ms()
        self._seen |= dict.fromkeys(used, now)
        self._unwritten |= used
        if self._redis is None or not self._unwritten:
            return
        pairs = [word for name in self._unwritten for word in (name, self._seen[name])]
        if await self._redis.call(("HSET", _HASH, *pairs), _SECONDS) is not None:
            self._unwritten.clear()

    async def last(self) -> dict[str, int]:
        """Unix milliseconds by key id, those of other instances too if Redis answers."""
        await self.write()
        told = await self._redis.call(("HGETALL", _HASH), _SECONDS) if self._redis else None
        found = dict(self._seen)
        for name, at in _pairs(told):
            found[name] = max(at, found.get(name, 0))
        return found


def _pairs(told: object) -> list[tuple[str, int]]:
    """What HGETALL answers, in either protocol; what is no number is passed over."""
    items = told.items() if isinstance(told, dict) else ()
    return [(bytes(name).decode(), int(at)) for name, at in items if bytes(at).isdigit()]
