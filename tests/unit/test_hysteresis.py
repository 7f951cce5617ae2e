"""A capacity level is entered at its threshold and left only some points below it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.hysteresis import LEVELS, Thresholds, next_level

DEFAULT = Thresholds()  # 80, 92, 3 points


@pytest.mark.parametrize(
    ("current", "used", "expected"),
    [
        ("ok", 0, "ok"),
        ("ok", 77.5, "ok"),
        ("ok", 79.999, "ok"),
        ("ok", 80, "warning"),
        ("ok", 91.999, "warning"),
        ("ok", 92, "critical"),
        ("ok", 100, "critical"),
        ("warning", 80, "warning"),
        ("warning", 77.001, "warning"),
        ("warning", 77, "ok"),
        ("warning", 91.999, "warning"),
        ("warning", 92, "critical"),
        ("critical", 92, "critical"),
        ("critical", 89.001, "critical"),
        ("critical", 89, "warning"),
        ("critical", 78, "warning"),
        ("critical", 77, "ok"),
        ("critical", 0, "ok"),
    ],
)
def test_the_level_after_a_reading(current, used, expected):
    assert next_level(current, used, DEFAULT) == expected


def test_without_clear_points_a_level_ends_right_below_its_threshold():
    bare = Thresholds(80, 92, 0)
    assert next_level("warning", 80, bare) == "warning"
    assert next_level("warning", 79.999, bare) == "ok"


@given(st.sampled_from(LEVELS), st.floats(0, 100))
def test_the_same_reading_again_changes_nothing(current, used):
    level = next_level(current, used, DEFAULT)
    assert next_level(level, used, DEFAULT) == level


@given(st.floats(3.0, 97.0), st.lists(st.floats(-1.49, 1.49), min_size=1, max_size=50))
def test_noise_smaller_than_the_clear_points_never_flaps(centre, noise):
    levels = ["ok"]
    for offset in noise:
        levels.append(next_level(levels[-1], centre + offset, DEFAULT))
    ranks = [LEVELS.index(level) for level in levels]
    assert ranks == sorted(ranks)  # it may settle upward, never go back


@given(st.lists(st.floats(0, 100), max_size=50))
def test_what_is_at_or_above_a_threshold_is_never_less_than_its_level(history):
    level = "ok"
    for used in history:
        level = next_level(level, used, DEFAULT)
        assert LEVELS.index(level) >= LEVELS.index(next_level("ok", used, DEFAULT))
