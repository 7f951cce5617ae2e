"""When a node stops taking bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.errors import NoSpace
from storage_node.space import SpaceGuard
from storage_node.store import Space


def guard(*, reserve: int = 100, free: int = 1000, capacity: int | None = None, used: int = 0) -> SpaceGuard:
    made = SpaceGuard(reserve, capacity)
    made.measured(Space(10_000, free, 5), used)
    return made


def test_a_node_that_was_not_measured_yet_takes_nothing():
    unmeasured = SpaceGuard(1, None)
    assert unmeasured.read_only
    with pytest.raises(NoSpace), unmeasured.promise(0):
        pass


def test_room_down_to_the_reserve_is_given_and_no_further():
    space = guard(reserve=100, free=1000)
    with space.promise(900):
        assert not space.read_only
        with pytest.raises(NoSpace) as refused, space.promise(1):
            pass
    assert refused.value.facts == {"bytes_free": 1000, "reserve": 100, "needed": 1}
    with space.promise(900):
        pass


def test_room_is_given_back_when_an_upload_fails():
    space = guard(reserve=100, free=1000)
    with pytest.raises(KeyError), space.promise(900):
        raise KeyError
    with space.promise(900):
        pass


def test_below_the_reserve_a_node_is_read_only_until_there_is_room_again():
    space = guard(reserve=100, free=99)
    assert space.read_only
    space.measured(Space(10_000, 100, 5), 0)
    assert not space.read_only


def test_a_capacity_smaller_than_the_disk_is_what_counts():
    space = guard(reserve=0, free=5000, capacity=1000, used=400)
    assert (space.total, space.free) == (1000, 600)
    space.measured(Space(10_000, 5000, 5), 1500)
    assert space.free == 0


def test_a_disk_smaller_than_the_capacity_is_what_counts():
    space = guard(reserve=0, free=300, capacity=10**9, used=400)
    assert (space.total, space.free) == (10_000, 300)


@given(st.lists(st.integers(0, 400), max_size=30))
def test_promises_together_never_reach_into_the_reserve(sizes):
    space, held = guard(reserve=100, free=1000), []
    for size in sizes:
        promise = space.promise(size)
        try:
            promise.__enter__()
        except NoSpace:
            assert sum(size for _, size in held) + size > 900
        else:
            held.append((promise, size))
        assert sum(size for _, size in held) <= 900
    for promise, _ in held:
        promise.__exit__(None, None, None)
    with space.promise(900):
        pass
