"""Ranges and conditions, against RFC 9110 and against a slow reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.errors import PreconditionFailed, RangeNotSatisfiable
from storage_node.ranges import Conditions, Span, is_unmodified, requested_span

SHA = "0123456789abcdef" * 4
OTHER = "f" * 64


def span(header: str, size: int = 1000, if_range: str | None = None) -> Span | None:
    return requested_span(Conditions(range=header, if_range=if_range), SHA, size)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-499", Span(0, 500)),
        ("bytes=500-", Span(500, 1000)),
        ("bytes=-1", Span(999, 1000)),
        ("bytes=-5000", Span(0, 1000)),
        ("bytes=900-99999999999999999999999999", Span(900, 1000)),
        ("Bytes=7-8", Span(7, 9)),
        ("bytes = 7-8", Span(7, 9)),
        (" bytes=\t7-8 ,", Span(7, 9)),
        ("bytes=,7-8", Span(7, 9)),
    ],
)
def test_a_single_range_gives_its_part(header: str, expected: Span) -> None:
    assert span(header) == expected


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1000", "bytes=-0", "bytes=5000-,-0"])
def test_a_range_outside_the_image_is_refused_with_its_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        span(header)
    assert refused.value.facts["size"] == 1000


@pytest.mark.parametrize(
    "header",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=--1", "bytes=a-b", "bytes=5-4", "bytes=0-1-2", "items=0-1",
        "bytes=0x1-0x2", "bytes=+1-2", "bytes=1.0-2", "bytes=٠-٩", "bytes=1- 2", "bytes=0-1,x", "bytes=\x00",
        "bytes==0-1", "0-1",
    ],
)  # fmt: skip
def test_nonsense_is_ignored(header: str) -> None:
    assert span(header) is None


def test_several_ranges_get_the_whole_image() -> None:
    assert span("bytes=0-1,5-6") is None


def test_several_ranges_of_which_one_is_possible_are_not_refused() -> None:
    assert span("bytes=5000-,0-1") is None


def test_thousands_of_digits_do_no_harm() -> None:
    assert span("bytes=0-" + "9" * 5000) == Span(0, 1000)
    assert span("bytes=" + "0" * 5000 + "1-2") == Span(1, 3)


@pytest.mark.parametrize("condition", [f'"{SHA}"', f' "{SHA}" '])
def test_if_range_with_our_tag_lets_the_range_through(condition: str) -> None:
    assert span("bytes=0-0", if_range=condition) == Span(0, 1)


@pytest.mark.parametrize(
    "condition", [f'W/"{SHA}"', f'"{OTHER}"', SHA, "*", "Sat, 21 Nov 2026 03:00:00 GMT", ""]
)
def test_if_range_with_anything_else_gives_the_whole_image(condition: str) -> None:
    assert span("bytes=0-0", if_range=condition) is None
    assert span("bytes=9999-", if_range=condition) is None


@pytest.mark.parametrize(
    "header",
    [f'"{SHA}"', f'W/"{SHA}"', "*", " * ", f'"{OTHER}", "{SHA}"', f'"a,b",W/"{SHA}"', f'"","{SHA}"'],
)
def test_if_none_match_that_names_this_image_is_not_modified(header: str) -> None:
    assert is_unmodified(Conditions(if_none_match=header), SHA)


@pytest.mark.parametrize(
    "header", ["", SHA, f'"{OTHER}"', f'"{SHA.upper()}"', f'"x{SHA}"', "**", f'"*", {SHA}']
)
def test_if_none_match_that_names_others_sends_the_image(header: str) -> None:
    assert not is_unmodified(Conditions(if_none_match=header), SHA)


@pytest.mark.parametrize("header", ["*", f'"{SHA}"', f'"{OTHER}", "{SHA}"'])
def test_if_match_that_names_this_image_holds(header: str) -> None:
    assert not is_unmodified(Conditions(if_match=header), SHA)


@pytest.mark.parametrize("header", ["", f'"{OTHER}"', f'W/"{SHA}"'])
def test_if_match_that_does_not_hold_is_told_before_anything_else(header: str) -> None:
    with pytest.raises(PreconditionFailed):
        is_unmodified(Conditions(if_match=header, if_none_match="*"), SHA)


def _reference(parts: list[tuple[int | None, int | None]], size: int) -> set[int] | str | None:
    """Byte by byte: the positions of a single range, None for the whole, or "refused"."""
    if any(first is not None and last is not None and last < first for first, last in parts):
        return None
    sets = []
    for first, last in parts:
        if first is None:
            sets.append({i for i in range(size) if i >= size - (last or 0)})
        else:
            sets.append({i for i in range(size) if first <= i and (last is None or i <= last)})
    if size and not any(sets):
        return "refused"
    return sets[0] if len(sets) == 1 and size else None


_numbers = st.integers(0, 80)
_parts = st.one_of(
    st.tuples(_numbers, _numbers), st.tuples(_numbers, st.none()), st.tuples(st.none(), _numbers)
)


@given(st.lists(_parts, min_size=1, max_size=4), st.integers(0, 64), st.sampled_from([",", ", ", " ,,\t"]))
def test_ranges_agree_with_a_byte_by_byte_reference(
    parts: list[tuple[int | None, int | None]], size: int, comma: str
) -> None:
    texts = [f"{'' if first is None else first}-{'' if last is None else last}" for first, last in parts]
    expected = _reference(parts, size)
    try:
        found = span("bytes=" + comma.join(texts), size)
    except RangeNotSatisfiable:
        assert expected == "refused"
        return
    assert expected == (None if found is None else set(range(*found)))


@given(st.text(max_size=60), st.integers(0, 2000))
def test_no_header_breaks_the_parser_and_every_span_lies_inside(header: str, size: int) -> None:
    for text in (header, "bytes=" + header):
        try:
            found = span(text, size)
        except RangeNotSatisfiable:
            continue
        assert found is None or 0 <= found.start < found.end <= size


@given(st.text(max_size=80))
def test_no_condition_breaks_the_parser(header: str) -> None:
    is_unmodified(Conditions(if_none_match=header), SHA)
    span("bytes=0-0", if_range=header)
