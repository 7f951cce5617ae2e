"""Load that comes at its own times: so many a second, whoever was answered or not.

A closed loop waits for an answer before it sends the next, and so goes easy on whatever is slow just when
it is slow. Here each request has its time, and what is late because this process was busy is told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
A = TypeVar("A")

FINISH_SECONDS = 60.0


class OpenLoop(NamedTuple, Generic[A]):
    """What came of it. `late`: seconds by which each was sent after its time."""

    answers: list[A]
    failures: list[Exception]
    late: list[float]
    seconds: float  # from the first one's time to the last answer

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds


async def at_rate(things: Sequence[T], per_second: float, send: Callable[[T], Awaitable[A]]) -> OpenLoop[A]:
    """Call `send` for each thing at its time. What raises is a failure; TimeoutError when some hang."""
    begin = time.perf_counter() + 0.1
    late: list[float] = []

    async def one(number: int, thing: T) -> A:
        due = begin + number / per_second
        await asyncio.sleep(due - time.perf_counter())
        late.append(time.perf_counter() - due)
        return await send(thing)

    async with asyncio.timeout(len(things) / per_second + FINISH_SECONDS):
        outcomes = await asyncio.gather(
            *(one(number, thing) for number, thing in enumerate(things)), return_exceptions=True
        )
    seconds = time.perf_counter() - begin
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    answers = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    return OpenLoop(answers, [e for e in failures if isinstance(e, Exception)], late, seconds)
