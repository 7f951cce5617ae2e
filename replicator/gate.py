"""Whether the own node takes orders: shut by the first order it does not take, opened by its /health.

Shut, everything pauses: nothing is fetched, nothing ordered, and no message loses a try. A node that is
down is asked at a steady short pace, so that work goes on at once when it is back; one that answers and
yet refuses our orders gets longer and longer pauses. The gate starts shut: the node may not be up yet.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from atoll.backoff import Backoff
from atoll.errors import AtollError

log = logging.getLogger(__name__)

REFUSED_FIRST, REFUSED_CAP = 0.2, 10.0  # seconds between orders to a node that refuses them


class NodeGate:
    """`ask` returns when the node is up and raises an `AtollError` that says why it is not."""

    def __init__(self, ask: Callable[[], Awaitable[None]], probe_seconds: float, rng: random.Random) -> None:
        self._ask, self._probe_seconds, self._rng = ask, probe_seconds, rng
        self._refused = Backoff(REFUSED_FIRST, REFUSED_CAP, rng)
        self._shut = asyncio.Event()
        self._shut.set()
        self._listeners: list[Callable[[], None]] = []
        self.reason: str | None = "The node was not asked yet."

    @property
    def is_open(self) -> bool:
        """Whether the node takes orders, as far as we know."""
        return not self._shut.is_set()

    def on_open(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the gate opens."""
        self._listeners.append(listener)

    def shut(self, reason: str) -> None:
        """An order was not taken."""
        if self.is_open:
            log.warning("paused: %s", reason)
            self.reason = reason
            self._shut.set()

    def worked(self) -> None:
        """An order was taken: the next refusal counts as the first again."""
        self._refused.reset()

    async def run(self) -> None:
        """Open the gate whenever the node is up, for ever."""
        while not await self._up():
            await self._pause()
        self._open()
        while True:
            await self._shut.wait()
            await asyncio.sleep(self._refused.next())
            while not await self._up():
                await self._pause()
            self._open()

    async def _pause(self) -> None:
        await asyncio.sleep(self._probe_seconds * self._rng.uniform(0.5, 1.0))

    async def _up(self) -> bool:
        try:
            await self._ask()
        except AtollError as error:
            if error.detail != self.reason:
                log.warning("still paused: %s", error.detail)
            self.reason = error.detail
            return False
        return True

    def _open(self) -> None:
        log.info("the node takes orders")
        self.reason = None
        self._shut.clear()
        for listener in self._listeners:
            listener()
