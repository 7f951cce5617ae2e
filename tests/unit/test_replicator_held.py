"""Messages in the replicator's hands: what is done is acknowledged, what is not is given back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

from atoll.lifecycle import cancel_and_wait
from replicator.held import Held

DEADLINE = 20.0


class Message:
    """As much of a message as is asked for; it notes its answers."""

    def __init__(self, number: int) -> None:
        sequence = SimpleNamespace(stream=number)
        self.metadata = SimpleNamespace(sequence=sequence, timestamp=datetime(2026, 1, 1, tzinfo=UTC))
        self.answers: list[str] = []

    async def ack(self) -> None:
        self.answers.append("ack")

    async def nak(self, delay: float) -> None:
        self.answers.append(f"nak {delay:g}")


async def test_what_is_done_is_acknowledged_a_moment_later_and_makes_room() -> None:
    message, held, room = Message(1), Held(lambda: 0.0), asyncio.Event()
    delivery = held.accept(message, "eu")
    held.on_answer(room.set)
    task = asyncio.create_task(held.acknowledge())
    delivery.ack()
    assert held.count("eu") == 1
    await asyncio.wait_for(room.wait(), DEADLINE)
    assert (held.count("eu"), message.answers) == (0, ["ack"])
    await cancel_and_wait([task])


async def test_at_the_end_what_is_done_is_acknowledged_and_only_the_rest_given_back() -> None:
    done, not_done = Message(1), Message(2)
    held = Held(lambda: 0.0)
    delivery = held.accept(done, "eu")
    held.accept(not_done, "eu")
    delivery.ack()
    await held.give_back()
    assert (done.answers, not_done.answers, len(held)) == (["ack"], ["nak 0"], 0)


async def test_a_message_that_came_once_more_is_acknowledged_by_its_newer_copy() -> None:
    first, second, held = Message(1), Message(1), Held(lambda: 0.0)
    delivery = held.accept(first, "eu")
    assert held.accept(second, "eu") is None
    delivery.ack()
    await held.give_back()
    assert (first.answers, second.answers) == ([], ["ack"])
