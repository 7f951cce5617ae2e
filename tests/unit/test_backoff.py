"""Delays grow, stop at the cap, differ between retriers, and start over after a success."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from atoll.backoff import Backoff


@given(st.floats(0.001, 10), st.floats(0.001, 1000), st.integers(), st.integers(1, 200))
def test_a_delay_lies_between_a_tenth_and_the_whole_of_a_doubling_ceiling(first, cap, seed, tries):
    backoff = Backoff(first, cap, random.Random(seed))
    for number in range(tries):
        ceiling = min(cap, first * 2.0 ** min(number, 60))
        assert 0.1 * ceiling * 0.999 <= backoff.next() <= ceiling * 1.001


def test_after_a_success_it_starts_over():
    backoff = Backoff(1.0, 1000.0, random.Random(1))
    for _ in range(10):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 1.0


def test_two_retriers_of_one_dead_peer_do_not_come_back_in_step():
    one, other = Backoff(1.0, 60.0), Backoff(1.0, 60.0)
    assert [one.next() for _ in range(5)] != [other.next() for _ in range(5)]


def test_the_same_seed_gives_the_same_delays():
    delays = [[b.next() for _ in range(5)] for b in (Backoff(1, 60, random.Random(3)) for _ in range(2))]
    assert delays[0] == delays[1]


def test_a_million_failures_later_it_still_waits_the_cap_at_most():
    backoff = Backoff(0.2, 5.0, random.Random(1))
    assert max(backoff.next() for _ in range(100_000)) <= 5.0
