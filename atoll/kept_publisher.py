"""Many messages into a stream at once: sent one after another, their acknowledgements gathered together. I/O.

The driver's own `publish` makes a request of each – a task, a future and a timer – which costs a busy node
several times what the message does. Here a batch has one deadline, and all batches one inbox. Who publishes
a message now and then uses `Bus.publish_kept`. Used by one task at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

import msgspec
from nats.aio.msg import Msg

from atoll.bus import PUBLISH_SECONDS, Bus, BusUnavailable, Inbox


class Kept(NamedTuple):
    """A message for a stream."""

    subject: str
    body: bytes
    headers: dict[str, str]


Outcome = BusUnavailable | None  # None: the stream has it


class _Ack(msgspec.Struct):
    """What JetStream answers: the sequence number it gave, or why it did not."""

    seq: int = 0
    error: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(_Ack)


class _Batch:
    """Messages under way, and what became of each."""

    def __init__(self, size: int) -> None:
        self.outcomes: list[Outcome] = [None] * size
        self.waiting: dict[str, int] = {}  # positions, by where the answer goes
        self._left = size
        self.complete = asyncio.Event()

    def answered(self, inbox: str, outcome: Outcome) -> None:
        at = self.waiting.pop(inbox, None)
        if at is None:
            return  # an earlier batch's, too late
        self.outcomes[at] = outcome
        self._left -= 1
        if not self._left:
            self.complete.set()


class KeptPublisher:
    """Publishes batches over one bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._inbox: Inbox | None = None
        self._numbers = count()
        self._batch = _Batch(0)

    async def publish(self, messages: Sequence[Kept]) -> list[Outcome]:
        """What became of each message, in order. One that failed may be in the stream all the same."""
        if not messages:
            return []
        self._batch = batch = _Batch(len(messages))
        try:
            await self._send(messages, batch)
            async with asyncio.timeout(PUBLISH_SECONDS):
                await batch.complete.wait()
        except TimeoutError:
            error = f"NATS did not acknowledge within {PUBLISH_SECONDS:g} s."
            return _without_answer(batch, BusUnavailable(error, retry_after=1))
        except BusUnavailable as error:
            return _without_answer(batch, error)
        return batch.outcomes

    async def _send(self, messages: Sequence[Kept], batch: _Batch) -> None:
        if self._inbox is None:
            self._inbox = await self._bus.open_inbox(self._hear)
        replies = [f"{self._inbox.prefix}.{next(self._numbers)}" for _ in messages]
        batch.waiting.update(zip(replies, range(len(messages)), strict=True))
        for reply, message in zip(replies, messages, strict=True):
            try:
                await self._bus.publish(message.subject, message.body, message.headers, reply)
            except BusUnavailable as error:  # of this one: too long for the server, say
                batch.answered(reply, error)

    async def _hear(self, message: Msg) -> None:
        self._batch.answered(message.subject, _outcome_of(message))


def _without_answer(batch: _Batch, error: BusUnavailable) -> list[Outcome]:
    missing = set(batch.waiting.values()) if batch.waiting else set(range(len(batch.outcomes)))
    return [error if at in missing else outcome for at, outcome in enumerate(batch.outcomes)]


def _outcome_of(message: Msg) -> Outcome:
    status = (message.headers or {}).get("Status")
    if status is not None:  # 503: nobody listens on the subject, so there is no stream
        return BusUnavailable(f"No stream took the message (status {status}).", retry_after=1)
    try:
        ack = _decoder.decode(message.data)
    except msgspec.MsgspecError as error:
        return BusUnavailable(f"The stream's answer cannot be read: {error}", retry_after=1)
    if ack.error is not None or not ack.seq:
        return BusUnavailable(f"The stream refused the message: {ack.error}", retry_after=1)
    return None
