"""Derivatives that nobody waits for: AVIFs that take long, one at a time, when a worker has nothing to do.

Owns a bounded queue in memory; what finds no place in it is asked for again by the next request. Filled by
`derivative_delivery`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from atoll.errors import AtollError, TooManyRequests
from storage_node.derivative import DerivativeKey
from storage_node.derivative_metrics import DerivativeMetrics
from storage_node.derivative_resolution import Wanted

log = logging.getLogger(__name__)


class Background:
    """`make` makes one; `limit`: how many may wait."""

    def __init__(
        self, make: Callable[[Wanted], Awaitable[object]], limit: int, counts: DerivativeMetrics
    ) -> None:
        self._make, self._limit, self._counts = make, limit, counts
        self._waiting: dict[DerivativeKey, Wanted] = {}
        self._something = asyncio.Event()

    def add(self, wanted: Wanted) -> None:
        """Have it made some time. Never blocks, never fails."""
        if wanted.key in self._waiting:
            return
        if len(self._waiting) >= self._limit:
            self._counts.background_dropped += 1
            return
        self._waiting[wanted.key] = wanted
        self._something.set()

    async def run(self) -> None:
        """Make one after the other, for ever."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                key, wanted = next(iter(self._waiting.items()))
                await self._one(wanted)
                del self._waiting[key]  # only now: meanwhile it need not be added again

    async def _one(self, wanted: Wanted) -> None:
        try:
            await self._make(wanted)
        except TooManyRequests:
            log.debug("a derivative in the background gave way to requests")
        except AtollError as error:
            facts = {"bucket": wanted.key.bucket, "blob": wanted.key.sha256, "derivative": wanted.key.name}
            log.warning("a derivative in the background was not made: %s", error.detail, extra=facts)
