"""What may stand in a URL of the query service: every limit has a number."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from atoll.context_text import context_of
from atoll.errors import BadName, BadRequest
from query_service.image_names import readings
from query_service.query_input import (
    check_asset_id,
    check_query,
    checked_prefix,
    limited,
    needed,
    tags_of,
    wait_of,
    whole_number,
)


def request(query: str) -> web.Request:
    return make_mocked_request("GET", "/x?" + query)


def test_known_parameters_pass_and_unknown_ones_are_named() -> None:
    check_query(request("a=1&b=2"), {"a", "b"})
    check_query(request(""), ())
    with pytest.raises(BadRequest) as caught:
        check_query(request("a=1&expries_in=2"), {"a"})
    assert caught.value.facts == {"parameter": "expries_in"}


def test_a_parameter_comes_once() -> None:
    with pytest.raises(BadRequest) as caught:
        check_query(request("a=1&a=2"), {"a"})
    assert "twice" in caught.value.detail


def test_a_query_string_has_a_length() -> None:
    with pytest.raises(BadRequest) as caught:
        check_query(request("a=" + "x" * 4096), {"a"})
    assert caught.value.facts == {"limit": 4096, "got": 4098}


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.5", "x", "", "٣", "1" * 13, "1e1", " 1"])
def test_numbers_are_whole_and_within_their_bounds(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        whole_number(make_mocked_request("GET", "/").clone(rel_url="/?n=" + text), "n", 5, 1, 10)
    assert caught.value.facts["parameter"] == "n"
    assert caught.value.facts["limit"] == 10


def test_numbers_have_a_default() -> None:
    assert whole_number(request(""), "n", 5, 1, 10) == 5
    assert whole_number(request("n=10"), "n", 5, 1, 10) == 10


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(BadRequest) as caught:
        needed(request(""), "bucket")
    assert caught.value.facts == {"parameter": "bucket"}


def test_tags_are_separated_by_commas() -> None:
    assert tags_of(request("tags=cat,%20dog%20,,bird")) == ("cat", "dog", "bird")


@pytest.mark.parametrize("tags", [",".join(str(n) for n in range(33)), "x" * 65])
def test_tags_have_limits(tags: str) -> None:
    with pytest.raises(BadRequest) as caught:
        tags_of(request("tags=" + tags))
    assert caught.value.facts["limit"] == 32


def test_context_in_a_url_is_pairs_with_escapes() -> None:
    assert context_of("") == {}
    assert context_of("a=1|b=x=y") == {"a": "1", "b": "x=y"}
    assert context_of(r"a\|b=\||c\=d=\\|$e.f=") == {"a|b": "|", "c=d": "\\", "$e.f": ""}
    for wrong in ("a", "=1", "a=1|a=2", "a=1|b"):
        with pytest.raises(BadRequest):
            context_of(wrong)


def test_prefixes_are_normalized_and_limited() -> None:
    assert checked_prefix("e\u0301/") == "é/"
    for wrong in ("x" * 256, "\0"):
        with pytest.raises(BadRequest):
            checked_prefix(wrong)


def test_a_number_of_a_body_is_limited() -> None:
    assert limited("limit", 7, 7) == 7
    with pytest.raises(BadRequest):
        limited("limit", 8, 7)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=5"], 5),
        (["respond-async, wait=0"], 0),
        (['Wait = "7" ; x=y', "wait=9"], 7),
        (["wait=-1"], None),
        (["wait=soon, waited=5"], None),
        (["wait=" + "9" * 10], None),
    ],
)
def test_a_client_says_how_long_it_would_wait(headers: list[str], seconds: float | None) -> None:
    said = make_mocked_request("GET", "/", CIMultiDict([("Prefer", each) for each in headers]))
    assert wait_of(said) == seconds


@pytest.mark.parametrize("value", ["", "x", "A" * 26, "0" * 27, "../../etc/passwd", "0" * 25 + "é"])
def test_asset_ids_have_a_grammar(value: str) -> None:
    with pytest.raises(BadName) as caught:
        check_asset_id(value)
    assert caught.value.facts["name"] == "asset_id"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tom", ["tom"]),
        ("cats/tom.jpg", ["cats/tom.jpg", "cats/tom"]),
        ("tom.JPEG", ["tom.JPEG", "tom"]),
        ("tom.v2", ["tom.v2"]),
        ("tom.v2.webp", ["tom.v2.webp", "tom.v2"]),
        ("my.cats/tom", ["my.cats/tom"]),
        (".jpg", [".jpg"]),
        ("cats/.jpg", ["cats/.jpg"]),
        ("...jpg", ["...jpg"]),
    ],
)
def test_a_name_is_tried_as_given_then_without_its_extension(name: str, expected: list[str]) -> None:
    assert readings(name) == expected


@pytest.mark.parametrize("name", ["..", "a/../b.jpg", "a//b", "a%2fb", "a\0.jpg", "x" * 256])
def test_a_name_outside_the_grammar_means_nothing(name: str) -> None:
    with pytest.raises(BadName):
        readings(name)
