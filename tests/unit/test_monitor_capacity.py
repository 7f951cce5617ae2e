"""A set is as full as its fullest member; a percentage is exact where thresholds are."""

from __future__ import annotations

import pytest
from hand_clock import HandClock
from heartbeat_maker import a_beat
from hypothesis import given
from hypothesis import strategies as st

from atoll.cluster import ClusterMap
from monitor.capacity import Subject, node_readings, set_readings, used_percent
from monitor.node_table import NodeTable


def rows(*beats):
    table = NodeTable(HandClock())
    for beat in beats:
        table.heard(beat)
    return table.rows(ClusterMap())


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [(1000, 230, 77.0), (1000, 200, 80.0), (3, 1, 66.667), (100, 0, 100.0), (100, 100, 0.0), (0, 0, 100.0)],
)
def test_percent_used(total, free, expected):
    assert used_percent(total, free) == expected


@given(st.integers(1, 2**62), st.integers(0, 2**62))
def test_percent_used_is_a_percentage_even_if_a_node_claims_more_free_than_there_is(total, free):
    assert 0 <= used_percent(total, free) <= 100


def test_a_set_is_as_full_as_its_fullest_member_and_has_the_room_of_the_smallest():
    beats = [
        a_beat("a", bytes_total=1000, bytes_free=100),
        a_beat("b", bytes_total=50, bytes_free=40),
        a_beat("c", set="s2", bytes_total=10, bytes_free=10),
    ]
    first, second = set_readings(node_readings(rows(*beats)))
    assert first.subject == Subject("set", "s1")
    assert (first.used_percent, first.bytes_free, first.bytes_total) == (90.0, 40, 50)
    assert (second.set, second.used_percent) == ("s2", 0.0)


def test_a_node_that_does_not_know_its_disk_yet_gives_no_reading():
    assert node_readings(rows(a_beat(bytes_total=0, bytes_free=0))) == []
