"""Back-tests: histories whose future is known, and what the forecast said of it at the time."""

from __future__ import annotations

import itertools
import math
import random

import msgspec
import pytest
from hand_clock import START_MS, HandClock
from heartbeat_maker import a_beat

from atoll.cluster import ClusterMap
from atoll.model import Node, Region
from monitor.forecast import DAY, Growth, Point, forecast, growth_of, in_words, together
from monitor.growth_history import MAX_POINTS, MAX_SERIES, GrowthHistory
from monitor.growth_share import MAX_POINTS as MOST_POINTS
from monitor.growth_share import MIN_POINTS, POINTS, GrowthShare, SharedGrowth
from monitor.growth_watch import GrowthWatch, _view
from monitor.monitor_bucket import MAX_BYTES
from monitor.node_table import NodeTable

GB = 10**9
HOUR = 3600


def history(days, growth_on, *, every=HOUR, begins=0.0, seed=1, noise=0.1):
    """Use by the hour; `growth_on(day)` is that day's growth, a little different every day."""
    rng, used, points = random.Random(seed), 100.0 * GB, []
    for number in range(int(days * DAY / every) + 1):
        at = begins + number * every
        points.append(Point(at, used))
        used += growth_on(int(at // DAY)) * (1 + rng.uniform(-noise, noise)) * every / DAY
    return points


def steady(day):
    return 10 * GB


def weekly(day):
    return (2 if day % 7 >= 5 else 13.2) * GB  # 10 GB a day over a week


def burst(day):
    return (150 if day == 20 else 10) * GB


def mass_delete(day):
    return (-400 if day == 18 else 10) * GB


def rare_days(day):
    return (40 if day % 4 == 0 else 0) * GB  # 10 GB a day, on every fourth


SHAPES = {f.__name__: f for f in (steady, weekly, burst, mass_delete, rare_days)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ends_on", range(7))
def test_after_four_weeks_a_forecast_of_30_days_is_right_within_a_tenth(shape, ends_on):
    """300 GB at 10 GB a day last 30 days, on whichever weekday one asks."""
    found = forecast(growth_of(history(28 + ends_on, SHAPES[shape])), 300 * GB)
    assert found.days == pytest.approx(30, rel=0.10 if shape != "rare_days" else 0.15)
    assert found.early < found.days < found.late


@pytest.mark.parametrize("shape", ["steady", "burst", "mass_delete"])
@pytest.mark.parametrize("seed", range(5))
def test_noisy_days_are_forecast_within_a_fifth_and_the_range_holds_the_truth(shape, seed):
    found = forecast(growth_of(history(28, SHAPES[shape], noise=0.9, seed=seed)), 300 * GB)
    assert found.days == pytest.approx(30, rel=0.2)
    assert found.early <= 30 * 1.02
    assert found.late >= 30 * 0.98


def test_the_range_holds_what_came_in_about_four_of_five_histories():
    held = 0
    for seed in range(60):
        rng = random.Random(seed)
        daily = [rng.lognormvariate(0, 0.6) for _ in range(200)]
        mean = math.exp(0.18)  # of that distribution
        found = forecast(growth_of(history(28, lambda d, g=daily: g[d] * GB, noise=0)), 30 * mean * GB)
        held += found.early <= 30 <= found.late
    assert 60 * 0.65 <= held <= 60 * 0.97


@pytest.mark.parametrize("day", [20, 27])
def test_a_burst_changes_what_is_left_and_not_the_growth(day):
    def shape(today):
        return (300 if today == day else 10) * GB

    assert growth_of(history(28, shape)).per_day == pytest.approx(10 * GB, rel=0.1)


def test_the_first_hour_gives_a_first_guess_that_says_how_unsure_it_is():
    found = forecast(growth_of(history(1 / 24, steady, every=60)), 100 * GB)
    assert found.days == pytest.approx(10, rel=0.2)
    assert found.late - found.early > 0.3 * found.days


def test_a_disk_filled_within_two_minutes_is_forecast_right_within_a_fifth():
    """As in the demonstration: a point a second, uploads in fits and starts."""
    rng, used, points = random.Random(3), 0.0, []
    for second in range(40):
        points.append(Point(float(second), used))
        used += rng.choice([0, 1, 2]) * 5e6
    left = 80 * 5e6
    days = forecast(growth_of(points), left).days
    assert days * DAY == pytest.approx(80, rel=0.2)


def test_too_little_is_known_says_nothing_at_all():
    assert growth_of([]) is None
    assert growth_of([Point(float(i), i) for i in range(7)]) is None
    assert growth_of([Point(1.0, 1)] * 20) is None


def test_what_does_not_grow_is_never_full_and_what_is_full_is_so_now():
    idle = growth_of([Point(i * 60.0, 5) for i in range(100)])
    assert forecast(idle, 1000).days == math.inf
    assert forecast(idle, 0).days == 0
    shrinking = growth_of([Point(i * 60.0, -i) for i in range(100)])
    assert forecast(shrinking, 1000).days == math.inf


def test_a_gap_in_the_history_is_grown_over_evenly():
    points = [p for p in history(28, steady) if not 10 * DAY < p.at < 15 * DAY]
    assert growth_of(points).per_day == pytest.approx(10 * GB, rel=0.05)


def test_several_disks_grow_together_and_their_errors_partly_cancel():
    both = together([Growth(10, 8, 12, DAY), Growth(10, 8, 12, 2 * DAY)])
    assert (both.per_day, both.span) == (20, DAY)
    assert 2 < both.high - both.per_day < 4
    assert together([]) is None


def test_a_history_stays_bounded_and_knows_both_the_last_minutes_and_the_last_month(tmp_path):
    kept = GrowthHistory(tmp_path)
    for minute in range(30 * 24 * 60 // 3):
        kept.add("n/bytes", Point(minute * 180.0, minute * 180.0 * 10 * GB / DAY))
    points = kept.points("n/bytes")
    assert len(points) == MAX_POINTS
    assert points[-1].at - points[-10].at <= 12 * 180
    assert points[-1].at - points[0].at > 29 * DAY
    assert max(b.at - a.at for a, b in itertools.pairwise(points)) < 1.5 * DAY
    assert growth_of(points).per_day == pytest.approx(10 * GB, rel=0.01)


def test_a_history_survives_a_restart_and_a_ruined_file_costs_only_itself(tmp_path, caplog):
    first = GrowthHistory(tmp_path)
    first.add("n/bytes", Point(1.0, 2.0))
    first.add("n/bytes", Point(0.5, 9.0))  # the clock was put back
    first.save()
    second = GrowthHistory(tmp_path)
    second.load()
    assert second.points("n/bytes") == [Point(1.0, 2.0)]
    (tmp_path / "growth.json").write_text("{")
    third = GrowthHistory(tmp_path)
    third.load()
    assert third.points("n/bytes") == []
    assert "begins anew" in caplog.text


class Stage:
    """Two nodes of one set fill up in two regions."""

    def __init__(self, tmp_path):
        self.clock = HandClock()
        self.table = NodeTable(self.clock)
        self.table.listen_anew()
        rows = lambda: self.table.rows(ClusterMap())  # noqa: E731 - one line of a test
        self.watch = GrowthWatch(rows, GrowthHistory(tmp_path), self.clock, 60)

    def fill(self, minutes, **per_minute):
        for minute in range(minutes):
            for name, growth in per_minute.items():
                node = name.replace("_", "-")
                beat = a_beat(node, region=node[:2], at=START_MS, bytes_total=10**9, bytes_reserved=10**8,
                              bytes_free=10**9 - growth * minute, inodes_free=10**6 - minute)  # fmt: skip
                self.table.heard(beat)
            self.watch.survey()
            self.clock.advance(60)

    def views(self):
        return {(v.scope, v.name): v for v in self.watch.view()}


def test_a_set_is_full_with_its_first_member_and_a_region_by_itself(tmp_path):
    stage = Stage(tmp_path)
    stage.fill(100, eu_1=10**6, us_1=10**5)
    views = stage.views()
    minutes = (10**9 - 10**8) / 10**6 - 99
    assert views["node", "eu-1"].days * 1440 == pytest.approx(minutes, rel=0.01)
    assert views["set", "s1"].days == views["node", "eu-1"].days == views["region", "eu"].days
    assert views["region", "us"].days == views["node", "us-1"].days
    samples = {(s.metric, s.subject.name): s.value for s in stage.watch.survey().samples}
    assert samples["atoll_set_days_to_full", "s1"] == views["set", "s1"].days


def test_minutes_of_an_import_into_a_fresh_cluster_foretell_nothing_of_tomorrow(tmp_path):
    stage = Stage(tmp_path)
    stage.fill(12, eu_1=10**6)
    view = stage.views()["node", "eu-1"]
    assert view.days < 1
    assert view.foreseen == math.inf
    samples = {(s.metric, s.subject.name): s.value for s in stage.watch.survey().samples}
    assert samples["atoll_node_days_to_full", "eu-1"] == math.inf


def test_a_small_disk_that_fills_within_minutes_is_foreseen_too(tmp_path):
    """Nothing is rounded away: seconds of history count for tens of seconds ahead."""
    growth = Growth(8_640_000.0, 8_000_000.0, 9_000_000.0, 30.0)  # 100 bytes a second, known for 30 s
    view = _view("node", "n", "bytes", 20_000, forecast(growth, 20_000))
    assert view.foreseen * DAY == pytest.approx(200, rel=0.01)
    assert _view("node", "n", "bytes", 40_000, forecast(growth, 40_000)).foreseen == math.inf


def test_inodes_count_when_they_run_out_first(tmp_path):
    stage = Stage(tmp_path)
    stage.fill(60, eu_1=1)
    view = stage.views()["node", "eu-1"]
    assert view.unit == "inodes"
    assert view.days * 1440 == pytest.approx(10**6, rel=0.01)


def test_a_silent_node_adds_no_points(tmp_path):
    stage = Stage(tmp_path)
    stage.fill(30, eu_1=10**6)
    known = stage.views()["node", "eu-1"].known_days
    stage.fill(8, us_1=10**5)
    assert stage.views()["node", "eu-1"].known_days == known


def test_a_monitor_that_begins_learns_what_the_one_before_it_knew_and_nothing_of_tomorrow(tmp_path):
    old, new = GrowthHistory(tmp_path / "old"), GrowthHistory(tmp_path / "new")
    for hour in range(240):
        old.add("eu-1/bytes", Point(hour * HOUR, hour * 1000.0))
    new.add("eu-1/bytes", Point(240 * HOUR, 240_000.0))
    assert new.learn(old.series() | {"us-1/bytes": [Point(500 * HOUR, 1.0)]}, 241 * HOUR)
    assert not new.learn(old.series(), 241 * HOUR)
    assert new.points("eu-1/bytes") == [*old.points("eu-1/bytes"), Point(240 * HOUR, 240_000.0)]
    assert new.points("us-1/bytes") == []


def test_a_node_that_was_not_heard_yet_keeps_its_history_over_a_restart(tmp_path):
    clock = HandClock()
    cluster = ClusterMap.of(
        [Region("eu", 50, 8), *(Node(n, "eu", "s1", "http://n") for n in ("eu-1", "eu-2"))]
    )
    kept = GrowthHistory(tmp_path)
    for name in ("eu-1", "eu-2", "gone-1"):
        kept.add(f"{name}/bytes", Point(clock.now_ms() / 1000 - 60, 1.0))
    table = NodeTable(clock)
    watch = GrowthWatch(lambda: table.rows(cluster), kept, clock, every=60)
    table.listen_anew()
    table.heard(a_beat("eu-1", at=clock.now_ms()))
    watch.look()
    assert len(kept.points("eu-1/bytes")) == 2
    assert len(kept.points("eu-2/bytes")) == 1
    assert kept.points("gone-1/bytes") == []


def test_what_monitors_share_fits_into_one_document_however_many_disks_there_are(tmp_path):
    kept = GrowthHistory(tmp_path)
    for number in range(MAX_SERIES):
        points = [Point(1_800_000_000.123 + 60 * minute, 1.5e12 + minute) for minute in range(20)]
        kept.learn({f"some-long-name-of-a-node-{number}/inodes": points}, 2e9)
    share = GrowthShare(None, kept, lambda: True, lambda: None, HandClock())
    made = share.thinned()
    assert len(made) == POINTS // MIN_POINTS
    assert len(msgspec.json.encode(SharedGrowth(made))) < MAX_BYTES
    few = GrowthHistory(tmp_path)
    few.learn({"eu-1/bytes": [Point(60.0 * n, n) for n in range(600)]}, 2e9)
    thin = GrowthShare(None, few, lambda: True, lambda: None, HandClock()).thinned()["eu-1/bytes"]
    assert (len(thin), thin[0].at, thin[-1].at) == (MOST_POINTS, 0.0, 60.0 * 599)
    assert growth_of(thin).per_day == pytest.approx(growth_of(few.points("eu-1/bytes")).per_day, rel=0.01)


def test_the_range_of_a_small_disk_is_told_in_hours_minutes_or_seconds():
    assert [in_words(days) for days in (12.34, 0.1, 0.06, 0.01, 0.0005, 0.0)] == [
        "12.3",
        "0.1",
        "1.4 h",
        "14.4 min",
        "43 s",
        "0 s",
    ]
