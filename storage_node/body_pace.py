"""Reading a body that may come too slowly, too long, or break off.

A sender must not hold a place by dripping: no silence longer than `idle_seconds`, and after a grace of
the same length an average of at least `min_rate` bytes a second. Used by uploads and pulls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from atoll.errors import BodyMismatch, BodyTimeout, TooLarge
from atoll.http_protocol import BROKEN_BODY

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How fast a body must come: seconds of silence, bytes a second. `clock` is monotonic."""

    idle_seconds: float
    min_rate: int
    clock: Callable[[], float] = time.monotonic

    async def within(self, read: Awaitable[T], received: int = 0) -> T:
        """What one read gives. `BodyTimeout` after too long a silence, `BodyMismatch` when it broke off.

        `received`: the bytes that came before, for the error to say.
        """
        try:
            async with asyncio.timeout(self.idle_seconds):
                return await read
        except TimeoutError as error:
            raise self._too_slow(received) from error
        except BROKEN_BODY as error:
            raise BodyMismatch(f"The body broke off after {received} bytes.", received=received) from error

    async def chunks(self, read: Callable[[], Awaitable[bytes]], max_bytes: int) -> AsyncIterator[bytes]:
        """The chunks that `read` gives, until it gives none.

        Raises `BodyTimeout`, `BodyMismatch`, and `TooLarge` past `max_bytes`.
        """
        began, received = self.clock(), 0
        while chunk := await self.within(read(), received):
            received += len(chunk)
            if received > max_bytes:
                raise too_large(max_bytes)
            if self.clock() - began > self.idle_seconds + received / self.min_rate:
                raise self._too_slow(received)
            yield chunk

    def _too_slow(self, received: int) -> BodyTimeout:
        return BodyTimeout(
            f"The body came too slowly: no silence over {self.idle_seconds:g} s,"
            f" and {self.min_rate} bytes a second.",
            idle_seconds=self.idle_seconds,
            min_bytes_per_second=self.min_rate,
            received=received,
        )


def too_large(max_bytes: int, got: int | None = None) -> TooLarge:
    """An image over its limit."""
    facts = {} if got is None else {"got": got}
    return TooLarge(f"An image has at most {max_bytes} bytes here.", limit=max_bytes, **facts)
