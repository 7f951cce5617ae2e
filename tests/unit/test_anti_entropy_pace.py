"""How much repair is under way: less while a node is busy, never nothing, and never above its rate."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.errors import NoSpace
from replicator.anti_entropy_ahead import OneBehind
from replicator.anti_entropy_pace import ByteRate, Slots, Throttle


def looks(throttle, loads):
    return [throttle.look(load, float(second)) for second, load in enumerate(loads)]


def test_a_busy_node_halves_it_down_to_one_and_an_idle_one_gives_back_one_a_second():
    throttle = Throttle(8, 0.8)
    assert looks(throttle, [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1]) == [4, 2, 1, 1, 2, 3, 4]


def test_beyond_the_least_places_come_while_it_is_idle_and_go_one_by_one_when_it_is_not():
    throttle = Throttle(2, 0.8, most=5, idle=0.5)
    assert looks(throttle, [0.1] * 5 + [0.5] * 4 + [0.49]) == [3, 4, 5, 5, 5, 4, 3, 2, 2, 3]


def test_of_what_was_taken_from_an_idle_node_half_is_given_back_at_once_when_somebody_waits():
    throttle = Throttle(2, 0.8, most=24, idle=0.5)
    looks(throttle, [0.0] * 30)
    assert [throttle.look(0.9, 100.0 + second) for second in range(5)] == [12, 6, 3, 1, 1]
    assert [throttle.look(0.6, 200.0 + second) for second in range(3)] == [
        2,
        2,
        2,
    ]  # the least is for all days


def test_repair_takes_no_more_of_an_idle_node_than_it_may_and_be_idle():
    throttle, load, seen = Throttle(2, 0.8, most=24, idle=0.5), 0.0, []
    for second in range(60):
        load = 0.05 * throttle.look(load, float(second))  # each order makes the node busier
        seen.append(throttle.allowed)
    assert max(seen) == 10
    assert min(seen[20:]) == 9


def test_a_most_below_the_least_changes_nothing():
    assert looks(Throttle(4, 0.8, most=2, idle=0.5), [0.9, 0.0, 0.0, 0.0]) == [2, 3, 4, 4]


def test_a_node_that_stays_busy_gets_longer_and_longer_rests_up_to_a_bound_and_none_when_it_is_idle():
    throttle, rests = Throttle(4, 0.8), []
    for second, load in enumerate([0.9] * 9 + [0.1, None, 0.9]):
        throttle.look(load, float(second))
        rests.append(throttle.rest)
    assert rests == [0, 0, 0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0, 0, 0]


async def test_pulls_wait_for_the_rest_and_tombstones_do_not():
    throttle = Throttle(1, 0.8)
    now = 100.0
    slots = Slots(throttle, ByteRate(1e12), lambda _: 1.0, lambda: now)
    await slots.take(1, "n")  # there was no order before it to rest from
    slots.give_back()
    assert slots.rest > 0
    await slots.take(0, "n")
    slots.give_back()
    waiting = asyncio.create_task(slots.take(1, "n"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    now += 1.0
    await waiting


def test_it_is_adjusted_once_a_second_however_often_it_is_asked():
    throttle = Throttle(8, 0.8)
    assert [throttle.look(1.0, 5.0 + n / 10) for n in range(10)] == [4] * 10


def test_of_an_unknown_load_half_is_assumed():
    assert Throttle(8, 0.8).look(None, 0.0) == 4
    assert Throttle(1, 0.8).look(None, 0.0) == 1


@given(st.integers(1, 64), st.integers(1, 64), st.lists(st.none() | st.floats(0, 3), max_size=50))
def test_it_is_always_between_one_and_the_most(least, most, loads):
    throttle = Throttle(least, 0.8, most=most, idle=0.5)
    assert all(1 <= allowed <= max(least, most) for allowed in looks(throttle, loads))


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(0, 2)), min_size=1, max_size=40))
def test_bytes_are_never_ordered_faster_than_the_rate(orders):
    rate, now, ordered = ByteRate(1000.0), 0.0, 0
    for size, idle in orders:
        now += idle
        now += rate.wait(size, now)
        assert ordered <= 1000.0 * now + 1e-6  # what was ordered before this one is paid for by now
        ordered += size


async def test_a_place_is_free_again_when_an_order_ends():
    slots = Slots(Throttle(2, 0.8), ByteRate(1e12), lambda _: 0.0, asyncio.get_running_loop().time)
    await slots.take(1, "n")
    await slots.take(1, "n")
    waiting = asyncio.create_task(slots.take(1, "n"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    slots.give_back()
    await waiting
    assert slots.taken == 2


async def test_one_piece_of_work_at_a_time_is_behind_the_walk():
    begun, going = [], asyncio.Event()

    async def work(number):
        begun.append(number)
        await going.wait()

    async with OneBehind() as behind:
        await behind.start(partial(work, 1))
        second = asyncio.create_task(behind.start(partial(work, 2)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert begun == [1]
        going.set()
        await second
    assert begun == [1, 2]


async def test_an_error_behind_the_walk_ends_the_walk():
    async def fail():
        raise NoSpace("full")

    with pytest.raises(NoSpace):
        async with OneBehind() as behind:
            await behind.start(fail)


async def test_an_error_of_the_walk_ends_what_is_behind_it():
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def walk():
        async with OneBehind() as behind:
            await behind.start(work)
            await asyncio.sleep(0)
            raise NoSpace("the walk broke off")

    with pytest.raises(NoSpace):
        await walk()
    assert ended.is_set()
