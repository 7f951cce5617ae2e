"""Grammar and paths under fire: tricks of escaping in every part, hostile lengths, hostile texts.

Whatever comes, there is a meaning with one safe spelling, or a refusal (4xx) that says why; in bounded work.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest
from hostile_paths import MIDDLE, spoilt
from hypothesis import given, settings
from hypothesis import strategies as st
from transformation_texts import near, text_of, transformations

from atoll.errors import AtollError, BadTransformation, Rejected
from atoll.names import check_public_id
from atoll.transformation.canonical import canonical
from atoll.transformation.hints import answered, open_questions
from atoll.transformation.limits import DEFAULTS
from atoll.transformation.named import expanded
from atoll.transformation.negotiation import accepted, density, width
from atoll.transformation.parser import parse, parse_definition
from atoll.transformation.paths import parse_image_path, parse_node_path
from atoll.transformation.thumbnail_style import from_query

SHA = "0123456789abcdef" * 4
NODE = ["shop", *MIDDLE, "set-1", f"{SHA}.jpg"]
IMAGE = ["i", "shop", *MIDDLE, "holiday", "caf%C3%A9.jpg"]
SAFE_PATH = re.compile(r"(?!.*(/\.{1,2}(/|$)|//))[\x21-\x7e]+")


def meant_or_told(read: Callable[[str], object], text: str) -> object:
    """What `text` means; None when it is refused, which is looked at."""
    try:
        return read(text)
    except AtollError as refusal:
        told = refusal
    assert isinstance(told, Rejected)
    assert told.status in {400, 404}
    assert told.detail.isprintable()
    assert len(told.detail) < 1500
    return None


def test_escaping_in_any_part_of_a_node_path_changes_no_name_and_opens_no_door():
    taken = 0
    for path in spoilt(NODE):
        found = meant_or_told(parse_node_path, path)
        if found is not None:
            taken += 1
            assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", found.bucket)
            assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", found.handle.set)
            assert found.handle.sha256 == SHA
            check_spelling(found.spelt, parse_node_path, found)
    assert taken  # some tricks are letters of a text, and shown as such


def test_escaping_in_any_part_of_an_image_path_gives_a_public_id_of_the_grammar_or_nothing():
    for path in spoilt(IMAGE):
        found = meant_or_told(parse_image_path, path)
        if found is not None:
            assert check_public_id(found.public_id) == found.public_id
            check_spelling(found.spelt, parse_image_path, found)


def check_spelling(spelt: str, read: Callable[[str], object], found: object) -> None:
    assert SAFE_PATH.fullmatch(spelt), spelt
    assert read(spelt) == found
    assert read(spelt).spelt == spelt


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda b: b.decode("latin-1")))
def test_any_text_as_a_path_is_understood_or_refused(text):
    for start in ("", "/", "/i/", "/i/shop/", "/shop/"):
        meant_or_told(parse_node_path, start + text)
        meant_or_told(parse_image_path, start + text)
        meant_or_told(parse_node_path, f"{start}{text}/set-1/{SHA}.jpg")


@settings(max_examples=150, deadline=None)
@given(near | transformations.map(text_of), st.integers(1, 9999), st.floats(0.1, 10))
def test_what_is_understood_can_be_answered_and_expanded_or_is_refused(text, given_width, dpr):
    meant = meant_or_told(parse, text)
    meant_or_told(parse_definition, text)
    if meant is None:
        return
    for known in ({}, {"card": parse("w_300/e_sepia"), "a_b": meant}):
        meant_or_told(lambda _, known=known: expanded(meant, known), "")
    done = meant_or_told(lambda _: answered(meant, width=given_width, dpr=dpr, format="avif"), "")
    if done is not None:
        assert not open_questions(done)
        assert len(canonical(done)) <= 2 * DEFAULTS.characters


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["w", "h", "fit", "x"]), st.text(max_size=12)), max_size=4))
def test_any_query_of_the_older_style_is_understood_or_refused(query):
    meant_or_told(lambda _: from_query(query), "")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.from_regex(r"([a-z*]+/[a-z*]+(;q=[0-9.]{0,6})?,?){0,5}"))
def test_any_header_is_read_as_something(text):
    accepted(text)
    for read in (width, density):
        found = read(text)
        assert found is None or found > 0


# --- hostile lengths

MOST = DEFAULTS.raw_characters
LONG = {
    "one letter": "a" * MOST,
    "one word": "w_" + "9" * (MOST - 2),
    "many words": ("w_1," * MOST)[:MOST],
    "many commas": "," * MOST,
    "many components": ("w_1/" * MOST)[:MOST],
    "many slashes": "/" * MOST,
    "many escapes": "l_text:a_1:" + "%41" * ((MOST - 11) // 3),
    "many percent signs": "l_text:a_1:" + "%" * (MOST - 11),
    "many folders": "l_" + "a:" * (MOST // 2 - 1),
    "many radii": "r_" + "1:" * (MOST // 2 - 1),
    "many flags": "fl_" + "tiled." * (MOST // 6 - 1),
    "many turns": "a_" + "hflip." * (MOST // 6 - 1),
    "many points": "ar_" + "1." * (MOST // 2 - 2),
    "many digits": "b_rgb:" + "f" * (MOST - 6),
    "long name": "t_" + "a" * (MOST - 2),
    "long effect": "e_" + "sepi" * (MOST // 4 - 1),
    "long style": "l_text:" + "a_" * (MOST // 2 - 4),
    "marks on one letter": "l_text:a_1:a" + "\u0301" * (MOST - 12),
    "letters that grow": "l_text:a_1:" + "\ufdfa" * (MOST - 11),
    "spaces": "l_text:a_1:" + " " * (MOST - 11),
    "minus signs": "x_" + "-" * (MOST - 2),
}
MOST_CALLS = 200_000  # of functions: some 20 for each character that is read at all


@pytest.mark.timeout(20)  # a hang is what this would find; what is done without calls is not counted below
@pytest.mark.parametrize("name", LONG)
def test_the_longest_texts_take_bounded_work(name):
    for text in (LONG[name], LONG[name][:-1], LONG[name] * 100):
        assert calls(lambda text=text: meant_or_told(parse, text)) < MOST_CALLS
        path = f"/shop/{text}/set-1/{SHA}.jpg"
        assert calls(lambda path=path: meant_or_told(parse_node_path, path)) < MOST_CALLS
        assert calls(lambda text=text: meant_or_told(parse_image_path, f"/i/shop/{text}/x")) < MOST_CALLS


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["a/b;q=0.1," * 800, "," * 8000, ";" * 8000, "*/*;" + "q=" * 4000, "image/" * 1300]
)
def test_the_longest_headers_take_bounded_work(text):
    assert calls(lambda: accepted(text)) < MOST_CALLS
    assert calls(lambda: (width(text), density(text))) < MOST_CALLS


def calls(work: Callable[[], object]) -> int:
    """How many functions, ours and built-in, are called: the same on every machine."""
    count = 0

    def seen(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


# --- hostile texts


@pytest.mark.parametrize(
    "words",
    [
        "a\0b",
        "\0",
        "a\rb",
        "a\tb",
        "\x1b[31m",
        "\u202ea",
        "\u2066a\u2069",
        "\u2028",
        "\ufeff",
        "\ufff0\uffff",
        "\ud800",
        "",
    ],
)
def test_a_text_with_what_is_hidden_or_reorders_is_refused(words):
    said = "".join(f"%{byte:02x}" for byte in words.encode("utf-8", "surrogatepass"))
    with pytest.raises(BadTransformation) as refusal:
        parse(f"l_text:sans_20:{said}/fl_layer_apply")
    assert refusal.value.facts["parameter"] == "l"


@pytest.mark.parametrize("letter", ["a", "%2C", "\u05d0", "%F0%9F%92%A9"])
def test_a_text_of_ten_thousand_characters_is_refused_with_the_limit(letter):
    with pytest.raises(BadTransformation) as refusal:
        parse(f"l_text:sans_20:{letter * 10_000}/fl_layer_apply")
    assert str(DEFAULTS.text) in refusal.value.detail or refusal.value.facts["limit"] == DEFAULTS.characters


@pytest.mark.parametrize(
    "words",
    [
        "<b>bold</b>",
        "<span size='9999'>x</span>",
        "&lt;&#0;",
        "[color=red]",
        "$(id)",
        "%(x)s {0}",
        "\\n",
        "a\nb",
    ],
)
def test_markup_in_a_text_is_letters(words):
    said = "".join(f"%{byte:02x}" for byte in words.encode())
    (step,) = parse(f"l_text:sans_20:{said}/fl_layer_apply").steps
    assert step.source.text == words
