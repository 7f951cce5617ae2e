"""The orders of one comparison: through repair's own window, last of all, a bounded number under way.

It hands them to repair's workers when nothing fresh waits (behind.py); what becomes of each is counted here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from atoll.errors import NoSpace
from atoll.model import Tombstone
from atoll.node_api import PullOrder
from replicator.anti_entropy_memory import Memory
from replicator.anti_entropy_pace import Slots
from replicator.window import Window
from replicator.work import Mend, MendResult


@dataclass
class Tally:
    """What a comparison came to. `fresh` uploads were left to their streams; `left`: still missing."""

    fresh: int = 0
    mended: int = 0
    left: int = 0


class Orders:
    """`peer` is who is compared with. `tally` is complete after `finished`; `mended` is called for each
    order that succeeded."""

    def __init__(
        self, peer: str, window: Window, slots: Slots, memory: Memory, mended: Callable[[], None]
    ) -> None:
        self._peer = peer
        self._window, self._slots, self._memory, self._mended = window, slots, memory, mended
        self._under_way: set[asyncio.Future[MendResult]] = set()
        self._full = False
        self.tally = Tally()

    async def pull(self, order: PullOrder) -> None:
        """Order a pull once there is a place for it. `NoSpace` once the node has answered that it is full."""
        if self._full:
            raise NoSpace("The node has no room for what it lacks.")
        await self._give(order, order.asset.version, order.asset.blob.size)

    async def bury(self, tombstone: Tombstone) -> None:
        """Order a tombstone to be applied."""
        await self._give(tombstone, f"{tombstone.asset_id}/{tombstone.version}", 0)

    async def _give(self, order: PullOrder | Tombstone, key: str, size: int) -> None:
        if self._memory.has_failed(key):
            self.tally.left += 1
            return
        await self._slots.take(size, self._peer)
        done: asyncio.Future[MendResult] = asyncio.get_running_loop().create_future()
        done.add_done_callback(partial(self._ended, key))
        self._under_way.add(done)
        self._window.put(Mend(order, done))

    def _ended(self, key: str, done: asyncio.Future[MendResult]) -> None:
        self._under_way.discard(done)
        self._slots.give_back()
        if done.cancelled():
            return
        match done.result():
            case "failed" | "refused":
                self._memory.failed(key)
                self.tally.left += 1
            case "full":
                self._full = True
                self.tally.left += 1
            case _:
                self.tally.mended += 1
                self._mended()

    async def finished(self) -> None:
        """Return when all have ended."""
        while self._under_way:
            await asyncio.wait(self._under_way)
            await asyncio.sleep(0)  # their callbacks count them

    def drop(self) -> None:
        """Nobody waits for them any more; what a worker has in hand it finishes."""
        for done in list(self._under_way):
            done.cancel()
