"""For how long regions are busy or idle: a moment counts for nothing, a pause begins the count anew."""

from __future__ import annotations

import pytest

from monitor.scale_facts import NodeFact
from monitor.scale_loads import LoadWatch, LongSince, mean_loads, smoothing
from monitor.scale_policy import RegionPolicy, ShrinkPolicy

RULES = {"eu": RegionPolicy(cpu_percent=50, cpu_minutes=10, shrink=ShrinkPolicy(10, 60))}


def nodes(*loads):
    return [NodeFact(f"eu-{n}", "eu", "s1", True, True, 0.5, load) for n, load in enumerate(loads)]


def test_a_pause_begins_the_count_anew():
    long = LongSince()
    assert long.look({"eu"}, 0) == {"eu": 0}
    assert long.look({"eu", "us"}, 60) == {"eu": 60, "us": 0}
    assert long.look({"us"}, 61) == {"us": 1}
    assert long.look({"eu"}, 62) == {"eu": 0}


def test_one_quiet_second_is_no_pause_and_one_busy_second_is_no_work():
    watch = LoadWatch(RULES)
    for second in range(300):
        busy, _ = watch.look(nodes(0.05 if second == 200 else 0.9), second)
    assert busy == {"eu": 299}
    watch = LoadWatch(RULES)
    for second in range(300):
        _, idle = watch.look(nodes(0.9 if second == 200 else 0.01, 0.01), second)
    assert idle == {"eu": 299}


def test_a_quiet_minute_is_a_pause():
    watch = LoadWatch(RULES)
    for second in range(100):
        watch.look(nodes(0.9), second)
    for second in range(100, 160):
        busy, _ = watch.look(nodes(0.05), second)
    assert busy == {}


def test_a_node_too_many_is_one_whose_work_the_others_could_do():
    assert mean_loads(nodes(0.04, 0.04, 0.04), fewer=1) == {"eu": 0.06}
    assert mean_loads(nodes(0.04), fewer=1) == {}
    watch = LoadWatch(RULES)
    assert watch.look(nodes(0.06, 0.06), 0)[1] == {}, "together they would be above ten"
    assert LoadWatch(RULES).look(nodes(0.04, 0.04), 0)[1] == {"eu": 0}


def test_without_limits_nothing_is_busy_and_nothing_idle():
    watch = LoadWatch({"eu": RegionPolicy(cpu_percent=0)})
    assert watch.look(nodes(1.0, 0.0), 0) == ({}, {})


def test_loads_are_smoothed_over_a_tenth_of_the_time_and_half_a_minute_at_most():
    assert [smoothing(minutes) for minutes in (0, 0.1, 5, 60)] == pytest.approx([0, 0.6, 30, 30])
