"""Disks that waited for their first uploads: the wait is no part of their growth, and a burst no new pace."""

from __future__ import annotations

import pytest

from monitor.forecast import DAY, Point, forecast, growth_of

MB = 10**6
HOUR = 3600.0


def quiet_then_steady(quiet: int, steady: int, every: float = 1.0) -> list[Point]:
    """5 MB in each of the last `steady` steps, nothing in the `quiet` ones before."""
    steps = range(-quiet, steady + 1)
    return [Point((quiet + step) * every, 100.0 * MB + 5 * MB * max(0, step)) for step in steps]


@pytest.mark.parametrize("quiet", [1, 4, 10, 20])
@pytest.mark.parametrize("steady", [20, 40])
def test_a_disk_that_waited_for_its_first_uploads_is_forecast_by_the_uploads(quiet, steady):
    found = forecast(growth_of(quiet_then_steady(quiet, steady)), 60 * 5 * MB)
    assert found.days * DAY == pytest.approx(60, rel=0.06)


def test_what_is_known_counts_from_the_first_use():
    assert growth_of(quiet_then_steady(10, 20)).span == 20


def test_while_use_has_not_lasted_as_long_as_the_wait_the_wait_counts():
    assert growth_of(quiet_then_steady(30, 20)).per_day == pytest.approx(20 / 50 * 5 * MB * DAY, rel=0.01)


def test_a_month_of_quiet_and_hours_of_import_are_a_burst_and_no_new_pace():
    points = quiet_then_steady(27 * 24, 6, every=HOUR)
    assert growth_of(points).per_day == 0


def test_a_month_of_little_and_hours_of_import_are_a_burst_and_no_new_pace():
    month = [Point(hour * HOUR, hour * MB / 24) for hour in range(27 * 24)]  # 1 MB a day
    hours = [Point(month[-1].at + n * HOUR, month[-1].used + n * 1000 * MB) for n in range(1, 7)]
    assert growth_of(month + hours).per_day == pytest.approx(MB, rel=0.1)


def test_a_disk_that_was_emptied_first_and_then_filled_up_again_is_no_fresh_one():
    emptied = [Point(0.0, 100.0 * MB), *(Point(1.0 + n, n * 2.6 * MB) for n in range(40))]
    assert growth_of(emptied).span == 40
