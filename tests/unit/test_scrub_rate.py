"""How fast to scrub: all within the period, never in others' way."""

from __future__ import annotations

import pytest

from storage_node.scrub_rate import BLOB_COST, REST_SHARE, ROUND_SHARE, Pace, eagerness

DAY = 86_400.0
WEEK = 7 * DAY
MIB = 2**20
PACE = Pace(WEEK, MIB, 64 * MIB)
TERABYTE = 10**12


@pytest.mark.parametrize(
    ("blobs", "held"), [(10**6, TERABYTE), (5 * 10**6, 10 * TERABYTE), (10**8, TERABYTE)]
)
def test_all_that_was_written_on_one_day_is_read_within_the_period(blobs, held):
    """It lies for an eighth of the period, and then a whole round is made at the planned rate."""
    seconds = (held + blobs * BLOB_COST) / PACE.rate(blobs, held, PACE.rest)
    assert PACE.rest + seconds < WEEK


@pytest.mark.parametrize("days_down", [1, 3, 7, 30])
def test_after_days_of_downtime_the_rate_rises_until_it_has_caught_up(days_down):
    blobs, held = 10**6, TERABYTE
    cost = held + blobs * BLOB_COST
    left, now = cost, days_down * DAY  # all was read when the node went down
    while left > 0:
        left -= PACE.rate(blobs, held, now) * 3600
        now += 3600
    assert now < WEEK or now < days_down * DAY + WEEK / 2


def test_the_rate_keeps_within_its_bounds():
    assert PACE.rate(0, 0, 0.0) == PACE.floor
    assert PACE.rate(1, 10, 100 * WEEK) == PACE.floor
    assert PACE.rate(10**9, 10**15, 0.0) == PACE.ceiling
    assert PACE.rate(10**6, TERABYTE, 100 * WEEK) == PACE.ceiling


def test_more_on_the_disk_is_read_faster_and_nothing_is_read_twice_a_day():
    rates = [PACE.rate(n * 10**6, n * TERABYTE, 0.0) for n in (1, 2, 3)]
    assert rates == sorted(set(rates))
    assert PACE.rest >= 0.8 * DAY
    assert ROUND_SHARE + REST_SHARE < 1


@pytest.mark.parametrize("took", [0.0001, 0.01, 1.0, 30.0])
def test_the_disk_is_left_alone_for_four_fifths_of_the_time_however_slow_it_is(took):
    pause = PACE.pause(MIB, took, PACE.ceiling, 0.0, overdue=False)
    assert took / (took + pause) <= 0.2 + 1e-9


def test_without_haste_a_piece_takes_the_time_that_the_rate_gives_it():
    assert 0.001 + PACE.pause(MIB, 0.001, 2 * MIB, 0.0, overdue=False) == pytest.approx(0.5)


@pytest.mark.parametrize("overdue", [False, True])
def test_a_busy_node_is_scrubbed_more_slowly_and_never_not_at_all(overdue):
    shares = [eagerness(load / 10, overdue=overdue) for load in range(30)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == shares[5] == 1.0
    assert shares[-1] == (0.5 if overdue else 0.1)
    busy = PACE.pause(MIB, 0.0, MIB, 2.0, overdue=overdue)
    assert busy > PACE.pause(MIB, 0.0, MIB, 0.0, overdue=overdue)
