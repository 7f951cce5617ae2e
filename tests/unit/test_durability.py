"""Durability: the grammar, and how many regions it comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.durability import check_durability, check_possible, regions_needed
from atoll.errors import BadRequest

THREE = ("ap", "eu", "us")


@pytest.mark.parametrize(
    ("durability", "needed"),
    [("local", 1), ("regions:1", 1), ("regions:2", 2), ("regions:12", 12), ("all", 3)],
)
def test_it_says_how_many_regions_must_confirm(durability, needed):
    assert check_durability(durability) == durability
    assert regions_needed(durability, THREE) == needed


@pytest.mark.parametrize(
    "text",
    ["", "LOCAL", "regions", "regions:", "regions:0", "regions:-1", "regions:100", "all ", "regions:2\n"],
)
def test_anything_else_is_refused(text):
    with pytest.raises(BadRequest, match="regions:N"):
        check_durability(text)


def test_more_regions_than_the_set_has_are_refused():
    check_possible("regions:3", THREE)
    check_possible("all", ())
    with pytest.raises(BadRequest) as refusal:
        check_possible("regions:4", THREE)
    assert (refusal.value.facts["limit"], refusal.value.facts["got"]) == (3, 4)


@given(st.text())
def test_no_text_is_taken_that_means_nothing(text):
    try:
        check_durability(text)
    except BadRequest:
        return
    assert text in {"local", "all"} or 1 <= int(text.removeprefix("regions:")) <= 99
