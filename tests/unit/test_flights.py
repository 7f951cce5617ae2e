"""One flight per thing: shared, bounded, and cleaned up once its last caller has left."""

from __future__ import annotations

import asyncio

import pytest

from atoll.errors import NotFound, Overloaded
from atoll.names import Handle
from storage_node.blob_address import BlobAddress
from storage_node.flights import Flights
from storage_node.misses import REMEMBERED_SECONDS, Misses


class Work:
    """Counts how often it was done, and waits to be let go."""

    def __init__(self) -> None:
        self.done = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        await self.gate.wait()
        self.done += 1
        return self.done


async def test_callers_at_the_same_time_share_one_flight() -> None:
    flights, work = Flights[str, int]("tests", 10), Work()
    callers = [asyncio.create_task(flights.run("a", work)) for _ in range(50)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*callers) == [1] * 50
    assert (work.done, len(flights)) == (1, 0)


async def test_later_callers_start_a_new_flight() -> None:
    flights, work = Flights[str, int]("tests", 10), Work()
    work.gate.set()
    assert [await flights.run("a", work), await flights.run("a", work)] == [1, 2]


async def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    flights, work = Flights[str, int]("tests", 10), Work()
    gone, stays = (asyncio.create_task(flights.run("a", work)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert await stays == 1
    assert gone.cancelled()


async def test_an_error_reaches_every_caller_and_is_forgotten() -> None:
    flights = Flights[str, int]("tests", 10)

    async def fail() -> int:
        await asyncio.sleep(0)
        raise NotFound("nothing here")

    results = await asyncio.gather(*(flights.run("a", fail) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, NotFound) for result in results)
    assert len(flights) == 0


async def test_more_than_the_limit_is_refused() -> None:
    flights, work = Flights[str, int]("tests", 2), Work()
    under_way = [asyncio.create_task(flights.run(name, work)) for name in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await flights.run("c", work)
    work.gate.set()
    await asyncio.gather(*under_way)
    assert await flights.run("c", work) == 3


async def test_a_result_lives_until_its_last_caller_has_left() -> None:
    released: list[int] = []
    flights, work = Flights[str, int]("tests", 10, released.append), Work()
    leave = [asyncio.Event(), asyncio.Event()]

    async def use(number: int) -> None:
        async with flights.join("a", work):
            await leave[number].wait()

    users = [asyncio.create_task(use(number)) for number in range(2)]
    await asyncio.sleep(0)
    work.gate.set()
    leave[0].set()
    await users[0]
    assert released == []
    leave[1].set()
    await users[1]
    assert released == [1]


async def test_a_result_that_nobody_waits_for_any_more_is_cleaned_up() -> None:
    released: list[int] = []
    cleaned = asyncio.Event()

    async def release(result: int) -> None:
        released.append(result)
        cleaned.set()

    flights, work = Flights[str, int]("tests", 10, release), Work()
    caller = asyncio.create_task(flights.run("a", work))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    work.gate.set()
    await asyncio.wait_for(cleaned.wait(), 10)
    assert (released, len(flights)) == ([1], 0)


async def test_closing_cancels_what_is_under_way() -> None:
    flights, work = Flights[str, int]("tests", 10), Work()
    caller = asyncio.create_task(flights.run("a", work))
    await asyncio.sleep(0)
    await flights.close()
    assert isinstance((await asyncio.gather(caller, return_exceptions=True))[0], asyncio.CancelledError)
    assert (work.done, len(flights)) == (0, 0)


def test_a_miss_is_remembered_for_a_moment_only() -> None:
    now = [0.0]
    misses, address = Misses(lambda: now[0]), BlobAddress("photos", Handle("s1", "0" * 64, "jpg"))
    misses.check(address)
    misses.remember(address, NotFound("No node has this image."))
    with pytest.raises(NotFound):
        misses.check(address)
    now[0] = REMEMBERED_SECONDS
    misses.check(address)


def test_the_memory_of_misses_is_bounded() -> None:
    misses = Misses(lambda: 0.0)
    addresses = [BlobAddress("photos", Handle("s1", f"{n:064x}", "jpg")) for n in range(10_001)]
    for address in addresses:
        misses.remember(address, NotFound("No node has this image."))
    misses.check(addresses[0])
    with pytest.raises(NotFound):
        misses.check(addresses[1])
