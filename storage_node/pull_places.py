"""The places of pulls: so many at once, a quarter of them for readers alone. Used by pull.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atoll.errors import Overloaded

_READER_SECONDS = 10.0


class PullPlaces:
    """`most` pulls at once; each takes one of `all`, orders and repairs one of `background` first."""

    def __init__(self, most: int) -> None:
        self.all = asyncio.Semaphore(most)
        self.background = asyncio.Semaphore(max(1, most * 3 // 4))

    @asynccontextmanager
    async def for_a_reader(self) -> AsyncIterator[None]:
        """A reader waits, but not until a disk that hangs lets go of every place. `Overloaded`."""
        try:
            async with asyncio.timeout(_READER_SECONDS):
                await self.all.acquire()
        except TimeoutError as error:
            raise Overloaded("Too many pulls are under way.", retry_after=1) from error
        try:
            yield
        finally:
            self.all.release()
