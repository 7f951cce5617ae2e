"""What a trace of Chromium says of its frames."""

from __future__ import annotations

import pytest

from benchmarks.web_frames import frames_of


def test_frames_a_second_and_the_longest_pause_are_those_of_the_trace():
    drawn = [{"name": "DrawFrame", "ts": at * 1000} for at in (10, 20, 30, 60, 20)]  # one is told twice
    found = frames_of([*drawn, {"name": "Other", "ts": 1}])
    assert found.rate == pytest.approx(60.0)
    assert found.longest_ms == 30.0


def test_a_trace_in_which_nothing_was_drawn_is_no_result():
    with pytest.raises(RuntimeError):
        frames_of([{"name": "DrawFrame", "ts": 1}])
