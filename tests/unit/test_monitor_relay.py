"""What the monitor tells query services: the most urgent first, bounded, canaries and lags included."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hand_clock import HandClock

from atoll.monitor_api import MAX_ROWS, MonitorOverview
from atoll.signing import Keys
from monitor.canary_board import CanaryBoard
from monitor.canary_history import CanaryHistory
from monitor.canary_sighting import Sighting
from monitor.growth_watch import ForecastView
from monitor.relay_api import LAG, RelayApi
from monitor.sample import Sample, Subject, Survey
from monitor.states import StateView

SINCE = "2026-11-21T13:00:00Z"


def forecast(name: str, days: float | None, known: float) -> ForecastView:
    return ForecastView("node", name, "bytes", 1, 1.0, days, days, None, known)


def told(
    tmp_path: Any, states: list[StateView], forecasts: list[ForecastView], lags: list[Sample]
) -> MonitorOverview:
    clock = HandClock()
    board = CanaryBoard(clock, CanaryHistory(tmp_path), expected=True)
    board.saw("eu", "us", Sighting("ok", clock.now_ms(), lag=0.25, read=0.1))
    board.saw("eu", "ap", Sighting("lost", clock.now_ms(), why="no copy came"))
    return RelayApi(
        "monitor-1",
        Keys(b"s" * 32),
        clock,
        SimpleNamespace(views=list),  # type: ignore[arg-type]  # no alerts
        SimpleNamespace(leader="monitor-2"),  # type: ignore[arg-type]
        board,
        lambda: states,
        lambda: forecasts,
        lambda: Survey(tuple(lags), frozenset()),
    ).view()


def test_what_is_ill_comes_first_and_what_is_too_much_is_counted(tmp_path: Any) -> None:
    well = [StateView("node", f"n{i}", "healthy", SINCE, 1.0, False, ()) for i in range(MAX_ROWS + 4)]
    ill = StateView("region", "eu", "critical", SINCE, 1.0, False, ("no node is healthy",))
    seen = told(tmp_path, [*well, ill], [], [])
    assert (seen.states[0].name, seen.states[0].reasons) == ("eu", ("no node is healthy",))
    assert (len(seen.states), seen.cut) == (MAX_ROWS, {"states": 5})
    assert (seen.monitor, seen.leader) == ("monitor-1", "monitor-2")


def test_a_forecast_says_whether_its_history_bears_it(tmp_path: Any) -> None:
    seen = told(tmp_path, [], [forecast("a", None, 9), forecast("b", 40, 1.0), forecast("c", 5.0, 1.0)], [])
    assert [(f.name, f.foreseen) for f in seen.forecasts] == [("c", True), ("b", False), ("a", False)]


def test_canaries_and_lags_are_told_as_the_monitor_has_them(tmp_path: Any) -> None:
    lags = [Sample(LAG, Subject("node", name), late, note="peer x") for name, late in (("a", 3.9), ("b", 75))]
    seen = told(tmp_path, [], [], [*lags, Sample("atoll_service_up", Subject("service", "s"), 1.0)])
    assert [(lag.node, lag.seconds) for lag in seen.lags] == [("b", 75), ("a", 3)]
    paths = {(path.origin, path.target): path for path in seen.canaries}
    assert paths["eu", "us"].lag_ms == 250
    assert (paths["eu", "ap"].ok, paths["eu", "ap"].why) == (False, "no copy came")
