"""One message in our hands, until it is answered: ack, nak or term. I/O.

An answer that does not reach NATS is no error: the message comes again after its ack wait, and every
order is idempotent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg

from atoll.streams import answer

# Where a message is in a stream. The time tells two messages of one number apart when a stream was wiped.
DeliveryKey = tuple[str, int, float]


def key_of(message: Msg, region: str) -> DeliveryKey:
    """The identity of a message, the same for each of its deliveries."""
    where = message.metadata
    return (region, where.sequence.stream, where.timestamp.timestamp())


class Delivery:
    """A message from `region`'s stream. `answered` is called once, when we let go of it; `done` when it may
    be acknowledged, by `send_ack`, together with others."""

    def __init__(
        self,
        message: Msg,
        region: str,
        now: float,
        answered: Callable[[Delivery], None],
        done: Callable[[Delivery], None],
    ) -> None:
        self.message = message
        self.region = region
        self.key = key_of(message, region)
        self.seen_at = now  # monotonic seconds: when NATS last knew that we work on it
        self._answered, self._done = answered, done

    @property
    def delivered(self) -> int:
        """How often NATS delivered it so far, this time included."""
        return int(self.message.metadata.num_delivered)

    def ack(self) -> None:
        """It is done, durably. NATS hears of it a moment later."""
        self._done(self)

    async def send_ack(self) -> None:
        """Tell NATS so."""
        await self._answer(self.message.ack())

    async def nak(self, delay: float) -> None:
        """Deliver it again in `delay` seconds."""
        await self._answer(self.message.nak(delay=delay))

    async def term(self) -> None:
        """Never deliver it again: it is parked."""
        await self._answer(self.message.term())

    async def in_progress(self, now: float) -> None:
        """Tell NATS that we still hold it, so that it is not delivered again."""
        self.seen_at = now
        await answer(self.message.in_progress())

    async def _answer(self, sending: Awaitable[None]) -> None:
        await answer(sending)
        self._answered(self)
