"""What clients want made of images: understood once, forgotten in time, never from an older policy."""

from __future__ import annotations

import pytest

from atoll.bucket import Bucket, RenderPolicy
from atoll.errors import BadTransformation
from atoll.transformation.limits import Limits
from query_service import wishes as module
from query_service.wishes import MAX_KEPT_CHARS, Wishes

SHOP = Bucket("shop", transformations={"thumb": "c_fill,h_9,w_9", "web": "f_webp,w_9"})


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were parsed, in order."""
    seen: list[str] = []
    parse = module.parse

    def noted(text: str, limits: Limits) -> object:
        seen.append(text)
        return parse(text, limits)

    monkeypatch.setattr(module, "parse", noted)
    return seen


def test_a_text_is_parsed_once_and_a_refusal_too(parses: list[str]) -> None:
    wishes = Wishes()
    for _ in range(3):
        assert wishes.wish(SHOP, "w_010,c_fit").text == "c_fit,w_10"
        with pytest.raises(BadTransformation):
            wishes.wish(SHOP, "w_x")
    assert parses == ["w_010,c_fit", "w_x"]


def test_a_remembered_refusal_does_not_grow_with_each_time() -> None:
    wishes, depths = Wishes(), set()
    for _ in range(3):
        with pytest.raises(BadTransformation) as caught:
            wishes.wish(SHOP, "w_x")
        depths.add(len(caught.traceback))
    assert len(depths) == 1


def test_another_policy_is_not_answered_from_memory() -> None:
    wishes = Wishes()
    assert not wishes.wish(SHOP, "w_600").anybody
    assert wishes.wish(Bucket("shop", unsigned_transformations=True), "w_600").anybody
    with pytest.raises(BadTransformation):
        wishes.wish(Bucket("shop", rendering=RenderPolicy(max_side=500)), "w_600")


def test_the_same_text_in_two_buckets_is_two_wishes() -> None:
    wishes, other = Wishes(), Bucket("other")
    assert wishes.wish(SHOP, "t_thumb").anybody
    with pytest.raises(BadTransformation):
        wishes.wish(other, "t_thumb")


def test_memory_is_bounded_in_number_and_length(parses: list[str]) -> None:
    wishes = Wishes(max_kept=3)
    for n in range(1, 6):
        wishes.wish(SHOP, f"w_{n}")
    assert len(wishes._kept) == 3
    long = "l_text:sans_9:" + "%41" * (MAX_KEPT_CHARS // 3) + "/fl_layer_apply"
    for _ in range(2):
        with pytest.raises(BadTransformation):
            wishes.wish(SHOP, long)
    assert parses.count(long) == 2


def test_a_bucket_narrows_the_services_limits_and_widens_none() -> None:
    wishes = Wishes(Limits(side=1000, layers=2, components=4))
    narrow = Bucket("narrow", rendering=RenderPolicy(max_side=500, max_layers=0, max_components=9))
    limits = wishes.limits(narrow)
    assert (limits.side, limits.layers, limits.components) == (500, 0, 4)


@pytest.mark.parametrize(
    ("text", "extension", "expected"),
    [
        ("w_9", "webp", "f_webp,w_9"),
        ("w_9", "JPEG", "w_9"),
        ("w_9", "png", "f_png,w_9"),
        ("w_9", "heic", "w_9"),
        ("w_9", "", "w_9"),
        ("f_auto,w_9", "png", "f_auto,w_9"),
        ("t_web", "png", "t_web"),
        ("t_thumb", "png", "f_png,t_thumb"),
    ],
)
def test_an_extension_is_a_format_where_none_is_said(text: str, extension: str, expected: str) -> None:
    wishes = Wishes()
    assert wishes.in_format(SHOP, wishes.wish(SHOP, text), extension, "jpg").text == expected


def test_an_extension_that_contradicts_is_refused() -> None:
    wishes = Wishes()
    with pytest.raises(BadTransformation):
        wishes.in_format(SHOP, wishes.wish(SHOP, "fl_progressive,w_9"), "webp", "jpg")


def test_escapes_of_a_text_are_escaped_again_in_a_path() -> None:
    wish = Wishes().wish(SHOP, "l_text:sans_9:a%2Cb/fl_layer_apply")
    assert "%2C" in wish.text
    assert "%252C" in wish.in_path
