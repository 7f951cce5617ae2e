"""Negotiation: what browsers really send, what nobody should, and how few answers there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.transformation.hints import open_questions
from atoll.transformation.negotiation import (
    DENSITIES,
    WIDTHS,
    AcceptMemo,
    Hints,
    accept_ch,
    accepted,
    density,
    hints_of,
    vary,
    width,
)
from atoll.transformation.parser import parse

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
CHROME_PAGE = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SAFARI = (
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,"
    "image/*;q=0.8,*/*;q=0.5"
)
TOKENS = {"avif+webp", "avif", "webp", "plain"}


@pytest.mark.parametrize(
    ("accept", "token"),
    [
        (CHROME, "avif+webp"),
        (CHROME_PAGE, "avif+webp"),
        (FIREFOX, "avif+webp"),
        (SAFARI, "avif+webp"),
        ("image/webp,*/*", "webp"),  # Firefox 65 to 91
        ("image/webp,image/apng,image/*,*/*;q=0.8", "webp"),  # Chrome before 85
        ("image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", "plain"),  # Safari 13
        ("image/png,image/*;q=0.8,*/*;q=0.5", "plain"),
        ("*/*", "plain"),  # curl
        ("", "plain"),
        ("image/*", "plain"),
        ("image/avif", "avif"),
        ("IMAGE/AVIF , Image/WebP", "avif+webp"),
        ("image/avif;q=0", "plain"),
        ("image/avif;q=0.0,image/webp", "webp"),
        ("image/avif;q=0.000, image/webp;q=0", "plain"),
        ("image/avif;q=0.5,image/webp;q=0.9", "webp"),
        ("image/avif;q=0.9,image/webp;q=0.5", "avif+webp"),
        ("image/avif;q=0.9,image/webp;q=0", "avif"),
        ("image/jpeg,image/webp;q=0.5", "plain"),
        ("image/jpeg;q=0.5,image/webp;q=0.5", "webp"),
        ("image/webp;q=1.000", "webp"),
        ("image/webp;Q=0.3", "webp"),
        ("image/webp;v=2;q=0", "plain"),
        ("image/webp ; q=0.2 , */*;q=0.1", "webp"),
        ("image/webp;q=2", "plain"),
        ("image/webp;q=1.001", "plain"),
        ("image/webp;q=0.1234", "plain"),
        ("image/webp;q=-1", "plain"),
        ("image/webp;q=nan", "plain"),
        ("image/webp;q=", "plain"),
        ("image/webp;q=٠.٥", "plain"),
        ("image/avifx,ximage/webp", "plain"),
        (",,;;==,,q=1", "plain"),
        ("image/avif,image/avif;q=0", "avif"),
        ("x" * 10_000 + ",image/webp", "webp"),
        ("image/png," * 1_000 + "image/avif", "avif"),
    ],
)
def test_an_accept_header_becomes_one_of_four_tokens(accept: str, token: str) -> None:
    assert accepted(accept) == token
    assert AcceptMemo()(accept) == token


@given(st.text(max_size=400))
def test_no_accept_header_breaks_it(accept: str) -> None:
    assert accepted(accept) in TOKENS


media = st.sampled_from(["image/avif", "image/webp", "image/jpeg", "image/*", "*/*", "text/html", "junk"])
weights = st.one_of(st.just(""), st.integers(0, 1000).map(lambda q: f";q={q / 1000:.3f}"))


@given(st.lists(st.builds(str.__add__, media, weights), max_size=8), st.randoms())
def test_the_order_of_ranges_says_nothing(ranges: list[str], rng: object) -> None:
    shuffled = list(ranges)
    rng.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    assert accepted(",".join(ranges)) == accepted(",".join(shuffled))


@given(st.lists(st.builds(str.__add__, media, weights), max_size=8))
def test_a_format_that_was_not_named_is_never_sent(ranges: list[str]) -> None:
    token = accepted(",".join(ranges))
    for name in ("avif", "webp"):
        if name in token:
            assert any(one.startswith(f"image/{name}") for one in ranges)
            assert not all(one.endswith("q=0.000") for one in ranges if one.startswith(f"image/{name}"))


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("1", 100), ("100", 100), ("101", 200), ("641", 800), ("4096", 4096), ("99999", 4096), ("0", None),
        ("-5", None), ("", None), ("1e9", None), ("nan", None), ("12px", None), ("320.5", 480),
        (" 320 ", 320), ("9" * 5_000, None), ("٣", None), ("1.", None), ("²", None),
    ],
)  # fmt: skip
def test_a_width_is_rounded_up_to_few(text: str, pixels: int | None) -> None:
    assert width(text) == pixels


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("1", 1.0),
        ("1.0", 1.0),
        ("1.25", 1.5),
        ("2.625", 3.0),
        ("4", 3.0),
        ("0.5", 1.0),
        ("0", None),
        ("inf", None),
    ],
)
def test_a_density_is_rounded_up_to_few(text: str, ratio: float | None) -> None:
    assert density(text) == ratio


@given(st.text(max_size=30))
def test_no_hint_breaks_it(text: str) -> None:
    assert width(text) in {None, *WIDTHS}
    assert density(text) in {None, *DENSITIES}


def hints(transformation: str, **headers: str) -> Hints:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return hints_of(open_questions(parse(transformation)), named.get, accepted)


def test_only_what_is_asked_is_read() -> None:
    everything = {"Accept": CHROME, "Sec_CH_Width": "500", "Sec_CH_DPR": "2"}
    assert hints("w_300", **everything) == Hints()
    assert hints("f_auto,w_300", **everything) == Hints("avif+webp")
    assert hints("w_auto", **everything) == Hints(None, 640)
    assert hints("dpr_auto,w_300", **everything) == Hints(None, None, 2.0)


def test_a_width_beside_a_density_is_in_css_pixels() -> None:
    assert hints("dpr_auto,w_auto", Sec_CH_Width="640", Sec_CH_DPR="2") == Hints(None, 320, 2.0)
    assert hints("dpr_auto,w_auto", Sec_CH_Width="640") == Hints(None, 640, None)


def test_the_older_names_of_hints_are_read_too() -> None:
    assert hints("dpr_auto,w_auto", Width="300", DPR="1.5") == Hints(None, 214, 1.5)
    assert hints("w_auto", Sec_CH_Width="nonsense", Width="300") == Hints(None, 320)


def test_vary_names_exactly_the_headers_that_are_read() -> None:
    assert vary(frozenset()) == accept_ch(frozenset()) == ""
    assert vary(frozenset({"f"})) == "Accept"
    assert accept_ch(frozenset({"f"})) == ""
    assert vary(frozenset({"f", "w", "dpr"})) == "Accept, Sec-CH-Width, Width, Sec-CH-DPR, DPR"
    assert accept_ch(frozenset({"dpr"})) == "Sec-CH-DPR, DPR"


@given(st.lists(st.text(max_size=20), max_size=60))
def test_the_memo_says_the_same_and_stays_small(headers: list[str]) -> None:
    memo = AcceptMemo(limit=8)
    for accept in headers:
        assert memo(accept) == accepted(accept)
        assert len(memo) <= 8


def test_the_memo_does_not_keep_what_is_long() -> None:
    memo = AcceptMemo()
    memo("image/webp," + "x" * 5_000)
    assert len(memo) == 0
