"""The pace a body must keep, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.errors import BodyMismatch, BodyTimeout, TooLarge
from storage_node.body_pace import Pace


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def sender(clock: Clock, *steps: tuple[float, bytes]) -> Callable[[], Awaitable[bytes]]:
    """Each read takes so many seconds and gives so many bytes; then the body ends."""
    left = list(steps)

    async def read() -> bytes:
        if not left:
            return b""
        seconds, data = left.pop(0)
        clock.now += seconds
        return data

    return read


async def received(pace: Pace, read: Callable[[], Awaitable[bytes]], limit: int = 10**9) -> bytes:
    return b"".join([chunk async for chunk in pace.chunks(read, limit)])


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20))
def test_a_body_comes_through_unchanged(chunks):
    clock = Clock()
    read = sender(clock, *[(0.0, chunk) for chunk in chunks])
    assert asyncio.run(received(Pace(1.0, 10, clock), read)) == b"".join(chunks)


async def test_a_body_may_be_as_long_as_its_limit_and_no_longer():
    clock = Clock()
    pace = Pace(1.0, 10, clock)
    assert await received(pace, sender(clock, (0, b"abc"), (0, b"de")), 5) == b"abcde"
    with pytest.raises(TooLarge) as refused:
        await received(pace, sender(clock, (0, b"abc"), (0, b"def")), 5)
    assert refused.value.facts == {"limit": 5}


async def test_a_body_may_be_slow_for_as_long_as_the_grace():
    clock = Clock()
    assert await received(Pace(10.0, 100, clock), sender(clock, (9.9, b"x"))) == b"x"


async def test_a_body_below_the_rate_after_the_grace_is_too_slow():
    clock = Clock()
    drip = sender(clock, *[(1.0, b"x")] * 100)
    with pytest.raises(BodyTimeout) as refused:
        await received(Pace(10.0, 100, clock), drip)
    assert refused.value.facts == {"idle_seconds": 10.0, "min_bytes_per_second": 100, "received": 11}


async def test_a_body_that_keeps_the_rate_may_take_for_ever():
    clock = Clock()
    steady = sender(clock, *[(1.0, bytes(100))] * 10_000)
    assert len(await received(Pace(10.0, 100, clock), steady)) == 1_000_000


@given(st.integers(1, 10**6), st.floats(0.1, 100), st.integers(1, 10**6))
def test_what_arrived_in_time_for_its_size_is_never_too_slow(size, idle, rate):
    clock = Clock()
    read = sender(clock, (min(idle, size / rate), bytes(size)))
    assert len(asyncio.run(received(Pace(idle, rate, clock), read))) == size


async def test_silence_is_a_timeout_that_says_what_had_come():
    async def silent() -> bytes:
        await asyncio.Event().wait()
        return b""

    with pytest.raises(BodyTimeout) as refused:
        await Pace(0.01, 100).within(silent(), received=7)
    assert refused.value.facts["received"] == 7
    assert refused.value.status == 408


@pytest.mark.parametrize(
    "error", [aiohttp.ClientPayloadError("x"), ConnectionResetError(), aiohttp.web.RequestPayloadError("x")]
)
async def test_a_body_that_breaks_off_is_a_mismatch(error):
    async def broken() -> bytes:
        raise error

    with pytest.raises(BodyMismatch) as refused:
        await received(Pace(1.0, 100), broken)
    assert refused.value.facts == {"received": 0}
