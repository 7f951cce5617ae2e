"""Which files patterns mean."""

from __future__ import annotations

import pytest

from atoll.client.globs import MAX_PATTERN_LENGTH, MAX_PATTERNS, Filter
from atoll.errors import BadRequest


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*.png", ["a.png", "deep/er/b.png"], ["a.jpg", "a.png.jpg"]),
        ("raw", ["raw", "raw/a.png", "x/raw/a.png"], ["draw/a.png", "raw2/a.png"]),
        ("raw/", ["raw/a.png"], ["draw/a.png"]),
        ("2024/*/a.png", ["2024/x/a.png"], ["2024/a.png", "2024/x/y/a.png", "b/2024/x/a.png"]),
        ("2024/**/a.png", ["2024/a.png", "2024/x/y/a.png"], ["2024/xa.png"]),
        ("/top.png", ["top.png"], []),
        ("?.png", ["a.png", "x/ü.png"], ["ab.png", ".png"]),
        ("[ab].png", ["a.png"], ["c.png"]),
        ("[!ab].png", ["c.png"], ["a.png"]),
        ("[^a].png", ["^.png", "a.png"], ["b.png"]),
        ("a+(b).png", ["a+(b).png"], ["aab.png"]),
        ("[.png", ["[.png"], ["a.png"]),
    ],
)
def test_a_pattern_means_what_shells_mean(pattern, taken, left):
    only, but = Filter.of([pattern], []), Filter.of([], [pattern])
    assert [path for path in taken + left if only.takes(path)] == taken
    assert [path for path in taken + left if but.takes(path)] == left


def test_exclude_wins():
    assert not Filter.of(["*.png"], ["a*"]).takes("a.png")


@pytest.mark.parametrize(
    "wrong", ["*.png", [""], ["/"], ["x" * (MAX_PATTERN_LENGTH + 1)], ["x"] * (MAX_PATTERNS + 1), ["[z-a]"]]
)
def test_what_is_no_list_of_patterns_is_said(wrong):
    with pytest.raises(BadRequest):
        Filter.of((), wrong)
