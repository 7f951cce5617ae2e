"""What canaries found, over time: loss and staleness apart, bounded, kept over a restart."""

from __future__ import annotations

import pytest
from hand_clock import START_MS, HandClock

from monitor.canary_board import KEPT, CanaryBoard
from monitor.canary_history import HOUR_MS, HOURS, MAX_PAIRS, CanaryHistory
from monitor.canary_sighting import OUTCOMES, Sighting
from monitor.own_key import key_name
from monitor.sample import Subject

CAME = {"lag": 0.5, "read": 0.1}


def came(at, **more):
    return Sighting("ok", at, **{**CAME, **more})


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def history(tmp_path):
    return CanaryHistory(tmp_path)


@pytest.fixture
def board(clock, history):
    return CanaryBoard(clock, history, seconds=60, expected=True)


def figures(board):
    return {(s.metric, s.subject.name): s for s in board.survey().samples}


def test_before_the_first_round_nothing_is_known_and_nobody_gone(board):
    assert not board.survey().whole
    assert board.view() == []


def test_what_was_lost_and_what_was_not_looked_for_are_two_things(board, clock):
    board.saw("eu", "us", Sighting("lost", clock.now_ms(), why="no copy came within 20 s"))
    board.saw("eu", "ap", came(clock.now_ms()))
    now = figures(board)
    assert now["atoll_canary_ok", "eu→us"].value == 0
    assert now["atoll_canary_ok", "eu→us"].note == "lost: no copy came within 20 s"
    assert now["atoll_canary_missed_rounds", "eu→us"].value == 0
    clock.advance(241)
    now = figures(board)
    assert now["atoll_canary_ok", "eu→ap"].value == 1
    assert now["atoll_canary_missed_rounds", "eu→ap"].value == pytest.approx(3.02)
    rows = {row["to"]: row for row in board.view()}
    assert (rows["ap"]["ok"], rows["ap"]["old"]) == (True, True)
    assert (rows["us"]["outcome"], rows["us"]["old"]) == ("lost", True)


def test_the_round_that_is_due_is_not_missed(board, clock):
    board.saw("eu", "us", came(clock.now_ms()))
    clock.advance(60)
    assert figures(board)["atoll_canary_missed_rounds", "eu→us"].value == 0


def test_availability_is_over_the_last_the_day_and_the_week(board, clock):
    board.saw("eu", "us", Sighting("stale", clock.now_ms(), why="an earlier image"))
    clock.advance(2 * 86_400)
    for _ in range(3):
        board.saw("eu", "us", came(clock.now_ms()))
    (row,) = board.view()
    assert (row["availability"], row["day"], row["week"], row["flown"]) == (0.75, 1.0, 0.75, 4)
    clock.advance(7 * 86_400 + 3600)
    assert board.view()[0]["week"] is None


def test_every_outcome_is_counted_for_prometheus(board, clock):
    for outcome in OUTCOMES:
        board.saw("eu", "us", Sighting(outcome, clock.now_ms()))
    families = {family.name: family.samples for family in board.collect()}
    assert [(s.labels["outcome"], s.value) for s in families["atoll_canaries"]] == [(o, 1) for o in OUTCOMES]
    assert [s.value for s in families["atoll_canary_failures"]] == [4]


def test_a_region_that_is_gone_is_forgotten(board, history, clock):
    board.saw("eu", "us", came(clock.now_ms()))
    board.saw("eu", "eu", came(clock.now_ms()))
    board.keep(["eu"])
    assert [(row["from"], row["to"]) for row in board.view()] == [("eu", "eu")]
    assert board.survey().present == {Subject("path", "eu→eu")}
    assert history.of("eu→us") == []


def test_both_memories_are_bounded(board, history):
    for hour in range(HOURS + 10):
        board.saw("eu", "us", came(START_MS + hour * HOUR_MS, lag=1.0 + hour % 2))
    (pair,) = board.history()
    assert (len(pair["last"]), len(pair["hours"])) == (KEPT, HOURS)
    for number in range(MAX_PAIRS + 5):
        history.add(f"r{number}→eu", came(START_MS))
    assert history.of(f"r{MAX_PAIRS}→eu") == []


def test_an_hour_holds_the_sum_and_the_worst_and_a_clock_put_back_opens_no_new_one(history):
    began = START_MS - START_MS % HOUR_MS
    for at, lag in ((began, 0.25), (began + 60_000, 0.75), (began - 2 * HOUR_MS, 0.5)):
        history.add("eu→us", came(at, lag=lag))
    (hour,) = history.of("eu→us")
    assert (hour.at, hour.ok, hour.lag_sum, hour.lag_max) == (began, 3, 1.5, 0.75)


def test_a_restart_knows_the_hours_and_a_broken_file_costs_only_them(tmp_path, history):
    history.add("eu→us", came(START_MS))
    history.write(history.encoded())
    again = CanaryHistory(tmp_path)
    again.load()
    assert again.of("eu→us") == history.of("eu→us")
    (tmp_path / "canaries.json").write_text("{")
    broken = CanaryHistory(tmp_path)
    broken.load()
    assert broken.of("eu→us") == []


def test_each_monitor_has_a_key_whose_name_the_cluster_map_takes():
    assert key_name("canary", "monitor-1") == "canary-monitor-1"
    long = ["m" * 31 + "1", "m" * 31 + "2"]
    assert len({key_name("canary", name) for name in long}) == 2
    assert all(len(key_name("canary", name)) <= 32 for name in long)
