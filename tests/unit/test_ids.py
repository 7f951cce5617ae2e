"""Identifiers sort by time, say when they were made, and derived ones are the same each time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.ids import derived_id, id_time_ms, looks_generated, named_asset_id, new_id, now_ms

TIMES = st.integers(0, 2**48 - 1)
SHAPE = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")  # Crockford's base 32: no i, l, o, u


@given(TIMES)
def test_an_id_has_its_shape_and_tells_its_time(at_ms):
    identifier = new_id(at_ms)
    assert SHAPE.fullmatch(identifier)
    assert id_time_ms(identifier) == at_ms


@given(TIMES, TIMES)
def test_ids_sort_as_their_times(earlier, later):
    if earlier != later:
        assert (new_id(earlier) < new_id(later)) == (earlier < later)


def test_an_id_made_now_is_of_now():
    before = now_ms()
    assert before <= id_time_ms(new_id()) <= now_ms()


def test_ids_of_one_millisecond_differ():
    assert len({new_id(0) for _ in range(1000)}) == 1000


@given(TIMES, st.integers(0, 10_000))
def test_a_derived_id_is_always_the_same_and_keeps_its_time(at_ms, index):
    identifier = new_id(at_ms)
    derived = derived_id(identifier, index)
    assert derived == derived_id(identifier, index)
    assert SHAPE.fullmatch(derived)
    assert id_time_ms(derived) == at_ms


def test_the_derived_ids_of_one_id_all_differ_and_the_first_is_the_id_itself():
    identifier = new_id()
    derived = [derived_id(identifier, index) for index in range(1000)]
    assert derived[0] == identifier
    assert len(set(derived)) == 1000


@given(st.text(), st.text())
def test_a_named_asset_has_one_id_that_no_generated_one_can_have(bucket, public_id):
    try:
        identifier = named_asset_id(bucket, public_id)
    except UnicodeEncodeError:
        return  # no check lets a lone surrogate through
    assert identifier == named_asset_id(bucket, public_id)
    assert SHAPE.fullmatch(identifier)
    assert identifier[0] == "n"
    assert new_id()[0] == "0"


def test_names_that_only_differ_in_where_the_bucket_ends_have_different_ids():
    assert named_asset_id("abc", "d/e") != named_asset_id("abc/d", "e")
    assert named_asset_id("abc", "d") != named_asset_id("abcd", "")


def test_the_id_of_a_name_never_changes_between_versions_of_atoll():
    assert named_asset_id("photos", "beach") == "np4mdaxh8rajdjpnk9thd7xss9"


def test_generated_ids_are_told_from_all_names_ids():
    assert looks_generated(new_id())
    assert looks_generated(derived_id(new_id(), 7))
    assert not any(
        looks_generated(text) for text in ("", "cats", named_asset_id("photos", "a"), "i" * 26, "0" * 27)
    )


@pytest.mark.parametrize("text", ["", "0" * 25, "0" * 27, "u" * 26, "I" * 26, "é" * 26])
def test_what_is_no_identifier_is_refused(text):
    with pytest.raises(ValueError):
        id_time_ms(text)
