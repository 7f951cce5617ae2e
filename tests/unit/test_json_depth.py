"""How deep JSON is nested, against the parsed thing itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.json_depth import is_deeper

TREES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}"\\,:a'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\a'), inner, max_size=3)
    ),
    max_leaves=30,
)


def depth(value):
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(TREES, st.integers(0, 6), st.booleans())
def test_it_is_what_the_parsed_value_says(tree, most, indented):
    text = json.dumps(tree, indent=1 if indented else None).encode()
    assert is_deeper(text, most) == (depth(tree) > most)


@pytest.mark.parametrize(("text", "deeper"), [(b"[" * 33 + b"]" * 33, True), (b"[" * 32 + b"]" * 32, False)])
def test_a_tower_is_measured(text, deeper):
    assert is_deeper(text, 32) is deeper


def test_objects_in_lists_are_levels_of_their_own():
    assert is_deeper(b"[[{}]]", 2)
    assert not is_deeper(b"[[{}]]", 3)
    assert is_deeper(b'[{"a": [{}, []]}]', 3)


def test_brackets_in_strings_hide_nothing():
    hidden = b'["[",' * 40 + b"1" + b"]" * 40
    assert is_deeper(hidden, 32)
    assert not is_deeper(json.dumps({"a": "[" * 1000}).encode(), 1)


@pytest.mark.parametrize("text", [b"[" * 1_000_000, b'{"a":' * 200_000, b'"' + b"[" * 1_000_000])
def test_what_never_ends_is_told_at_once(text):
    assert is_deeper(text, 32) is (text[:1] != b'"')


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(text):
    assert is_deeper(text, 3) in {True, False}
