"""Addresses of `/i/`: every spelling leads to one address in one step, and that one stays where it is."""

from __future__ import annotations

import pytest
from hostile_paths import MIDDLE, spoilt
from hypothesis import given, settings
from hypothesis import strategies as st
from transformation_texts import text_of, transformations
from yarl import URL

from atoll.errors import Rejected
from atoll.transformation.limits import DEFAULTS
from query_service.image_requests import ImageRequest, read_target

queries = st.sampled_from(
    ["", "?", "?v=3", "?w=0300", "?h=9&v=%41&fit=cover", "?%77=7", "?exp=1&key=a&sig=b&w=3"]
)


def read(target: str) -> ImageRequest | None:
    """What the address means; None when it is refused, which is the asker's mistake."""
    try:
        return read_target(target, URL(target, encoded=True).query.items(), DEFAULTS)
    except Rejected:
        return None


def check_one_address(target: str) -> None:
    found = read(target)
    if found is None or found.moved_to is None:
        return
    assert found.moved_to.isascii()
    assert found.moved_to.startswith("/i/")
    there = read(found.moved_to)
    assert there is not None
    assert (there.image, there.moved_to) == (found.image, None)


@given(transformations, queries)
@settings(deadline=None)
def test_a_transformation_has_one_address_in_one_step(components: list, query: str) -> None:
    path = "/".join(segment.replace("%", "%25") for segment in text_of(components).split("/"))
    if path.isascii():
        check_one_address(f"/i/shop/{path}/folder/tom{query}")


@pytest.mark.parametrize("query", ["", "?w=0300&v=%41"])
def test_whatever_is_escaped_in_an_address_it_has_one_address_or_is_refused(query: str) -> None:
    for path in spoilt(["i", "shop", *MIDDLE, "holiday", "caf%C3%A9.jpg"]):
        check_one_address(path + query)
    for path in spoilt(["i", "shop", "holiday", "caf%C3%A9.jpg"]):
        check_one_address(path + query)


def test_the_older_style_beside_a_transformation_is_refused_and_other_words_are_let_be() -> None:
    assert read("/i/shop/w_3/tom?w=3") is None
    assert read("/i/shop/w_3/tom?v=3") == read("/i/shop/w_3/tom")
    assert read("/i/shop/tom?v=3&width=9") == read("/i/shop/tom")
