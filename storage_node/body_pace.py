"""Reading a body that may come too slowly, too long, or break off.

A sender must not hold a place by dripping: no silence longer than `idle_seconds`, and after a grace of
the same length an average of at least `min_rate` bytes a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
from aiohttp import web

from atoll.errors import BodyMismatch, BodyTimeout, TooLarge

_BROKEN = (aiohttp.ClientError, web.RequestPayloadError, ConnectionError, aiohttp.http.HttpProcessingError)


async def paced(
    read: Callable[[], Awaitable[bytes]],
    *,
    max_bytes: int,
    idle_seconds: float,
    min_rate: int,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[bytes]:
    """The chunks `read` gives until it gives none.

    Raises `BodyTimeout` when they come too slowly, `TooLarge` past `max_bytes`, `BodyMismatch` when the
    body ends before its announced end.
    """
    began, received = clock(), 0
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                chunk = await read()
        except TimeoutError as error:
            raise _too_slow(idle_seconds, min_rate, received) from error
        except _BROKEN as error:
            raise BodyMismatch(f"The body broke off after {received} bytes.", received=received) from error
        if not chunk:
            return
        received += len(chunk)
        if received > max_bytes:
            raise too_large(max_bytes)
        if clock() - began > idle_seconds + received / min_rate:
            raise _too_slow(idle_seconds, min_rate, received)
        yield chunk


def too_large(max_bytes: int, got: int | None = None) -> TooLarge:
    """An image over its limit."""
    facts = {} if got is None else {"got": got}
    return TooLarge(f"An image has at most {max_bytes} bytes here.", limit=max_bytes, **facts)


def _too_slow(idle_seconds: float, min_rate: int, received: int) -> BodyTimeout:
    return BodyTimeout(
        f"The body came too slowly: no silence over {idle_seconds:g} s, and {min_rate} bytes a second.",
        idle_seconds=idle_seconds,
        min_bytes_per_second=min_rate,
        received=received,
    )
