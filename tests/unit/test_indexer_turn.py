"""Whose turn it is to index: leases in a dict, time told."""

from __future__ import annotations

import math

import pytest

from atoll.bus import BusUnavailable
from query_service.indexer_turn import LEASE, LEASE_SECONDS, IndexerTurn

LIMIT = 100


class Leases:
    """One lease, with the rules of the real ones."""

    def __init__(self):
        self.holder, self.until, self.away = "", 0, False

    async def take(self, key, holder, now, until):
        assert key == LEASE
        if self.away:
            raise BusUnavailable("away")
        if self.holder not in ("", holder) and self.until > now:
            return False
        self.holder, self.until = holder, until
        return True


class Clock:
    now = 1_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def leases():
    return Leases()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def one(leases, clock):
    return IndexerTurn("query-1", leases, LIMIT, clock)


@pytest.fixture
def two(leases, clock):
    return IndexerTurn("query-2", leases, LIMIT, clock)


async def turns(*services):
    return [await service.comes(0.0) for service in services]


async def test_one_service_indexes_and_keeps_its_turn(one, two, clock):
    assert await turns(one, two) == [False, False], "nobody has asked yet"
    for _ in range(5):
        await one.look()
        await two.look()
        assert await turns(one, two) == [True, False]
        clock.now += int(LEASE_SECONDS * 500)


async def test_the_turn_of_one_that_died_passes_on_with_its_lease(one, two, clock):
    await one.look()
    clock.now += int(LEASE_SECONDS * 1000)
    await two.look()
    assert await two.comes(0.0)
    await one.look()
    assert not await one.comes(0.0), "one that was only asleep sees that it is another's turn"


async def test_one_that_stops_passes_its_turn_on_at_once_and_takes_no_other(one, two):
    await one.look()
    await one.pass_on()
    await one.look()
    await two.look()
    assert await turns(one, two) == [False, True]


async def test_when_nobody_can_say_whose_turn_it_is_everybody_indexes(one, two, leases):
    await one.look()
    leases.away = True
    await two.look()
    assert await turns(one, two) == [True, True]
    leases.away = False
    await two.look()
    assert await turns(one, two) == [True, False]


async def test_with_too_much_waiting_all_help_until_half_of_it_is_done(one, two):
    await one.look()
    await two.look()
    for events, helps in [
        (LIMIT, False), (LIMIT + 1, True), (math.nan, True), (LIMIT // 2 + 1, True), (LIMIT // 2, False),
        (math.nan, False), (LIMIT, False),
    ]:  # fmt: skip
        two.heard_backlog(events)
        assert await two.comes(0.0) is helps
