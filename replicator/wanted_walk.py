"""The slow walk over what the node still lacks: what is due is ordered again, behind everything fresh.

When a peer of the set comes back, everything is tried at once, due or not: it may be the one that has
the bytes, and nobody should wait ten minutes for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from atoll.errors import AtollError
from replicator.own_node import OwnNode
from replicator.window import Window
from replicator.work import TryResult, Wanted

log = logging.getLogger(__name__)

NODE_CAP_MS = 10 * 60_000  # the node's longest back-off; doubled below, for its jitter


class WantedWalk:
    """Orders wanted blobs again, `batch` at a time, every `seconds`. `clock` gives Unix milliseconds."""

    def __init__(
        self, node: OwnNode, window: Window, seconds: float, batch: int, clock: Callable[[], int]
    ) -> None:
        self._node, self._window, self._clock = node, window, clock
        self._seconds, self._batch = seconds, batch
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Walk over everything now."""
        self._hurry.set()

    async def run(self) -> None:
        """Walk for ever."""
        while True:
            everything = await self._wait()
            try:
                await (self._walk_all() if everything else self._walk_due())
            except AtollError as error:  # the node is away: nothing is lost, the notes are its own
                log.debug("the wanted walk ends early: %s", error.detail)
                await asyncio.sleep(self._seconds)
                if everything:
                    self._hurry.set()

    async def _wait(self) -> bool:
        try:
            await asyncio.wait_for(self._hurry.wait(), self._seconds)
        except TimeoutError:
            return False
        self._hurry.clear()
        return True

    async def _walk_due(self) -> None:
        """Until nothing is due: what failed is due later, once the node has noted it."""
        now = self._clock()
        while results := await self._batch_before(now):
            if results == {"unnoted"}:
                return

    async def _walk_all(self) -> None:
        """While a batch helps: what failed comes up again, so that a fruitless batch is the end."""
        while results := await self._batch_before(self._clock() + 2 * NODE_CAP_MS):
            if results <= {"failed", "unnoted"}:
                return

    async def _batch_before(self, due_before: int) -> set[TryResult]:
        loop = asyncio.get_running_loop()
        items = await self._node.wanted(due_before, self._batch)
        works = [Wanted(item, loop.create_future()) for item in items]
        for work in works:
            self._window.put(work)
        return set(await asyncio.gather(*(work.done for work in works)))
