"""How the demonstration of growth holds a forecast against what came."""

from __future__ import annotations

from atoll.client.monitor_calls import ForecastView
from atoll.local.forecast_check import DAY, ForecastCheck


def a_view(free: int, seconds: float | None, unit: str = "bytes") -> ForecastView:
    days = None if seconds is None else seconds / DAY
    return ForecastView("set", "s1", unit, free, 0.0, days, days, days, 0.001)


def test_the_forecast_before_the_order_is_held_against_the_pace_until_the_new_set_takes_uploads():
    check = ForecastCheck()
    check.seen(10, a_view(800, 90), ordered=False, shared=False)
    check.seen(20, a_view(600, 66), ordered=False, shared=False)
    check.seen(25, a_view(550, 51), ordered=True, shared=False)
    check.seen(30, a_view(500, 42), ordered=True, shared=False)
    check.seen(40, a_view(390, 999), ordered=True, shared=True)
    assert check.now == "full in 42 s at this pace"
    assert "said to be full in 66 s when" in check.text
    assert "have been in 60 s" in check.text


def test_without_a_forecast_or_anything_after_it_nothing_is_said():
    check = ForecastCheck()
    for view in (None, a_view(800, None), a_view(800, 90, "inodes")):
        check.seen(10, view, ordered=False, shared=False)
    assert (check.now, check.text) == ("", "")
    check.seen(11, a_view(800, 90), ordered=False, shared=False)
    assert check.text == ""
