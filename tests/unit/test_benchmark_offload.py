"""The offload benchmark: a round is the mean of its slices."""

from __future__ import annotations

from benchmarks.load import Load
from benchmarks.offload import SLICES, _Found, rounds_of


def test_a_round_is_the_mean_of_its_slices():
    slices = [_Found(Load(rate, 1.0, 2.0 * rate), 10.0) for rate in range(1, 2 * SLICES + 1)]
    first, second = rounds_of(slices)
    assert first == _Found(Load(2.0, 1.0, 4.0), 10.0)
    assert second.load.rate == 5.0
