"""A transformation is found in a URL path, told from folders, and written back the one way."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from transformation_texts import public_ids, text_of, transformations

from atoll.errors import AtollError, BadName, BadRequest, BadTransformation, NotFound, Rejected
from atoll.names import Handle, check_public_id
from atoll.transformation.canonical import canonical
from atoll.transformation.parser import parse
from atoll.transformation.paths import (
    ImagePath,
    NodePath,
    image_path,
    node_path,
    parse_image_path,
    parse_node_path,
    quoted,
)

SHA = "0123456789abcdef" * 4
HANDLE = Handle("set-1", SHA, "jpg")
BLOB = f"set-1/{SHA}.jpg"

some = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def understood(components):
    try:
        return parse(text_of(components))
    except BadTransformation:
        return None


@some
@given(transformations)
def test_a_node_path_is_read_back_and_has_one_spelling(components):
    meant = understood(components)
    assume(meant is not None)
    path = node_path("shop", meant, HANDLE)
    assert path.isascii()
    assert parse_node_path(path) == NodePath("shop", meant, HANDLE)
    assert parse_node_path(path).spelt == path


@some
@given(
    transformations | st.none(),
    public_ids | st.sampled_from(["w_1/x", "_/x", "_/_/x", "_", "w_1", "t_shirts/w_2/x"]),
)
def test_an_image_path_is_read_back_whatever_folders_are_called(components, public_id):
    meant = understood(components) if components else None
    assume(components is None or meant is not None)
    name = check_public_id(public_id)
    path = image_path("shop", meant, name)
    assert path.isascii()
    assert parse_image_path(path) == ImagePath("shop", meant, name)


@some
@given(transformations)
def test_escaping_more_or_less_than_needed_changes_nothing(components):
    meant = understood(components)
    assume(meant is not None)
    text = canonical(meant)
    for path in (
        quote(text, safe="/"),
        quote(text, safe="/,:"),
        "/".join(everything(c) for c in text.split("/")),
    ):
        assert parse_node_path(f"/shop/{path}/{BLOB}").transformation == meant


def everything(text):
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.parametrize(
    ("path", "transformation", "public_id"),
    [
        ("cat", None, "cat"),
        ("my_photos/cat", None, "my_photos/cat"),
        ("w_100", None, "w_100"),
        ("w_100/cat", "w_100", "cat"),
        ("w_100/e_sepia/a/b/cat.jpg", "w_100/e_sepia", "a/b/cat.jpg"),
        ("w_100/a/e_sepia/cat", "w_100", "a/e_sepia/cat"),
        ("_/w_100/cat", None, "w_100/cat"),
        ("w_100/_/e_sepia/cat", "w_100", "e_sepia/cat"),
        ("_/_/cat", None, "_/cat"),
        ("_", None, "_"),
        ("w_/cat", None, "w_/cat"),
        ("a,b/cat", None, "a,b/cat"),
        ("l_logo/fl_layer_apply/cat", "l_logo/fl_layer_apply", "cat"),
        ("t_card/caf%C3%A9", "t_card", "café"),
        ("w%5F100/cat", "w_100", "cat"),
    ],
)
def test_components_are_told_from_folders(path, transformation, public_id):
    meant = parse(transformation) if transformation else None
    assert parse_image_path(f"/i/shop/{path}") == ImagePath("shop", meant, public_id)


def test_a_folder_that_was_taken_for_a_component_is_told_how_to_be_one():
    with pytest.raises(BadTransformation, match="/i/shop/_/e_books/cat") as refusal:
        parse_image_path("/i/shop/e_books/cat")
    assert refusal.value.facts["parameter"] == "e"


def test_a_misspelt_word_beside_a_known_one_is_no_folder():
    with pytest.raises(BadTransformation) as refusal:
        parse_image_path("/i/shop/w_100,hight_50/cat")
    assert refusal.value.facts["nearest"] == "h_50"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", NotFound),
        ("/", NotFound),
        ("/shop", NotFound),
        ("/internal/x/y", NotFound),
        (f"/Shop/{BLOB}", BadName),
        (f"/shop/w_9/Set/{SHA}.jpg", BadName),
        (f"/shop//{BLOB}", BadTransformation),
        (f"/shop/w_9//{BLOB}", BadTransformation),
        (f"/shop/../{BLOB}", BadTransformation),
        (f"/shop/%2e%2e/{BLOB}", BadTransformation),
        (f"/shop/w_9%2Fe_sepia/{BLOB}", BadTransformation),
        (f"/shop/w_9%00/{BLOB}", BadTransformation),
        (f"/shop/w_9%0a/{BLOB}", BadTransformation),
        (f"/shop/w_9%/{BLOB}", BadRequest),
        (f"/shop/w_9%zz/{BLOB}", BadRequest),
        (f"/shop/w_9%c0%af/{BLOB}", BadRequest),
        (f"/shop/w_9%ff/{BLOB}", BadRequest),
        (f"/shop/w_\u0669/{BLOB}", BadRequest),
        (f"/shop/w_%D9%A9/{BLOB}", BadTransformation),
        (f"/shop/{'w_9/' * 5000}{BLOB}", BadRequest),
        (f"/shop/w%255F9/{BLOB}", BadTransformation),
    ],
)
def test_tricks_in_a_node_path_are_refused(path, error):
    with pytest.raises(error) as refusal:
        parse_node_path(path)
    assert type(refusal.value) is error
    assert refusal.value.detail.isprintable()


@pytest.mark.parametrize(
    "path",
    ["/i/shop/a/%2e%2e/b", "/i/shop/%00", "/i/shop/a%2F..%2Fb", "/i/shop/", "/i/shop/w_9/", "/i/shop/w_9/_/"],
)
def test_a_public_id_in_a_path_is_held_to_its_grammar(path):
    with pytest.raises(BadName):
        parse_image_path(path)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["/shop/", "/i/shop/", "/", ""]),
    st.lists(
        st.sampled_from(["w_9", "_", "%2F", "%252C", "l_text:a_9:", "%", "a", "..", ",", "%ff", "é", BLOB])
        | st.text(max_size=9)
    ),
    st.sampled_from(["", "/" + BLOB]),
)
def test_any_path_is_understood_or_refused(start, parts, end):
    for separator in ("", "/"):
        for read in (parse_node_path, parse_image_path):
            try:
                found = read(start + separator.join(parts) + end)
            except Rejected as refusal:
                told: AtollError = refusal
                check_told(told)
            else:
                assert read(found.spelt) == found


def check_told(refusal):
    assert refusal.status in {400, 404}


def test_double_escaped_text_is_shown_as_meant():
    found = parse_node_path(f"/shop/l_text:sans_9:50%2525%20off%252C%2520now%252F/fl_layer_apply/{BLOB}")
    assert found.transformation.steps[0].source.text == "50% off, now/"
    assert quoted(found.transformation).count("%25") == quoted(found.transformation).count("%")
