"""All messages in our hands: how many per region, and that NATS knows we still work on them. I/O.

Owns every `Delivery` from fetch to answer. Messages may be held for long – while the node is away, or
behind newer ones – so those unheard of for a third of the ack wait are reported as in progress.

Nobody waits for an ack, so they go out many at once: each alone costs us and NATS more than the message did.
What dies with its acks unsent is delivered again, and the node knows it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from nats.aio.msg import Msg

from atoll.streams import ACK_WAIT_SECONDS
from replicator.delivery import Delivery, DeliveryKey, key_of

SIGN_AFTER_SECONDS = ACK_WAIT_SECONDS / 3
CHECK_SECONDS = ACK_WAIT_SECONDS / 10
ACK_SECONDS = 0.05


class Held:
    """The deliveries without an answer. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._deliveries: dict[DeliveryKey, Delivery] = {}
        self._per_region: Counter[str] = Counter()
        self._listeners: list[Callable[[], None]] = []
        self._done: list[Delivery] = []
        self._some_done = asyncio.Event()

    def __len__(self) -> int:
        return len(self._deliveries)

    def on_answer(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever there is more room."""
        self._listeners.append(listener)

    def count(self, region: str) -> int:
        """How many messages of a region's stream we hold."""
        return self._per_region[region]

    def accept(self, message: Msg, region: str) -> Delivery | None:
        """The delivery of a message that came; None when we hold it already and it came once more.

        That happens when NATS was away for longer than the ack wait: the newer copy's answer counts.
        """
        known = self._deliveries.get(key_of(message, region))
        if known is not None:
            known.message, known.seen_at = message, self._clock()
            return None
        delivery = Delivery(message, region, self._clock(), self._let_go, self._to_acknowledge)
        self._deliveries[delivery.key] = delivery
        self._per_region[region] += 1
        return delivery

    def _let_go(self, delivery: Delivery) -> None:
        if self._deliveries.pop(delivery.key, None) is None:
            return
        self._per_region[delivery.region] -= 1
        for listener in self._listeners:
            listener()

    def _to_acknowledge(self, delivery: Delivery) -> None:
        self._done.append(delivery)
        self._some_done.set()

    async def acknowledge(self) -> None:
        """Send the acks of what is done, for ever."""
        while True:
            await self._some_done.wait()
            await asyncio.sleep(ACK_SECONDS)
            await self._send_acks()

    async def _send_acks(self) -> None:
        done, self._done = self._done, []
        self._some_done.clear()
        for delivery in done:
            await delivery.send_ack()

    async def run(self) -> None:
        """Keep the messages ours, for ever."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self.sign_of_life()

    async def sign_of_life(self) -> None:
        """Report as in progress what NATS has not heard of for a third of the ack wait."""
        now = self._clock()
        for delivery in list(self._deliveries.values()):
            if now - delivery.seen_at >= SIGN_AFTER_SECONDS:
                await delivery.in_progress(now)

    async def give_back(self) -> None:
        """Acknowledge what is done; give the rest back, so that the next start gets it without waiting."""
        await self._send_acks()
        for delivery in list(self._deliveries.values()):
            await delivery.nak(0)
