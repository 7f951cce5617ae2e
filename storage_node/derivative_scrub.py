"""Reads every kept derivative again, for a static server does not (static_offload.py).

The node itself checks a derivative whenever it reads it, and needs none of this. What is not as it was
rendered is dropped by the store, and made anew when it is asked for. Nothing is written down: after a start
all are read once before any is shown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from storage_node.derivative import BadDerivative, DerivativeKey
from storage_node.derivative_book import BookClosed
from storage_node.derivative_store import DerivativeStore

T = TypeVar("T")

_PAGE = 64
_AGAIN_SECONDS = 60.0  # when the bookkeeping is out of order


class DerivativeScrub:
    """Begins a pass twice in each `period` (seconds), at no more than `rate` bytes a second."""

    def __init__(
        self,
        store: DerivativeStore,
        threads: Executor,
        period: float,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._threads, self._period, self._rate = store, threads, period, rate
        self._clock = clock
        self._passed: float | None = None  # when the last whole pass began

    @property
    def proven(self) -> bool:
        """Whether all that is kept was found right within the period, or has come since."""
        return self._passed is not None and self._clock() - self._passed < self._period

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            began = self._clock()
            if await self._pass():
                self._passed = began
                await asyncio.sleep(max(0.0, self._period / 2 - (self._clock() - began)))
            else:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _pass(self) -> bool:
        """False: the bookkeeping could not be read."""
        last: DerivativeKey | None = None
        while True:
            try:
                page = await self._in_thread(partial(self._page, last))
            except BookClosed:
                return False
            if not page:
                return True
            for key in page:
                await asyncio.sleep(await self._in_thread(partial(self._read, key)) / self._rate)
            last = page[-1]

    def _page(self, after: DerivativeKey | None) -> list[DerivativeKey]:
        with self._store.lock:
            return self._store.book.after(after, _PAGE)

    def _read(self, key: DerivativeKey) -> int:
        """Its size; a bad one is dropped by the store, which says so."""
        with suppress(BadDerivative):
            with self._store.lock:
                found = self._store.book.find(key)
            if found is not None:
                return len(self._store.read(found))
        return 0

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
