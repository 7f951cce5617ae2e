"""Whatever passes a check is safe as a path segment, a subject token and a piece of a URL."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atoll import names
from atoll.errors import BadName
from atoll.names import (
    CONTENT_TYPES,
    EXTENSIONS,
    RESERVED_BUCKETS,
    RESERVED_REGIONS,
    Handle,
    blob_path,
    check_bucket,
    check_extension,
    check_filename,
    check_node,
    check_public_id,
    check_region,
    check_set,
    check_sha256,
    parse_handle,
    split_blob_name,
)

STRICT = (check_bucket, check_node, check_set, check_region, check_sha256, check_extension)
SHA = "0123456789abcdef" * 4

# Texts near the grammars, so that some pass and many nearly do, beside any text at all.
near = st.text(alphabet="ab09-_.A/\\%: \n\0é*>", max_size=70)
hostile = st.one_of(near, st.text(max_size=70), st.from_regex(r"[a-z0-9-]{1,64}\n?", fullmatch=True))


def passes(check, value):
    try:
        return check(value)
    except BadName:
        return None


@pytest.mark.parametrize("check", STRICT)
@given(value=hostile)
@example("a\n")
@example("abc\n")
@example("１２３")
@example("ａｂｃ")
@example("..")
@example("*")
@example(">")
@example("")
def test_what_a_strict_check_lets_through_is_one_plain_token(check, value):
    passed = passes(check, value)
    if passed is None:
        return
    assert passed == value
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", value)  # so: no dot, slash, space, wildcard, escape
    assert posixpath.normpath(value) == value
    assert quote(value, safe="") == value
    assert len(value) <= 64


@given(value=st.one_of(hostile, st.text(alphabet="ab/.é ü\u0301👍", max_size=40)))
@example("a/../b")
@example("..")
@example("/etc/passwd")
@example("a//b")
@example("a/./b")
@example("a\u202eb")
@example("\ud800")
@example(" a")
@example("a /b")
@example("%2e%2e/x")
@example("é" * 127)
@example("é" * 128)
@example("\ufb01")
@example("e\u0301")
def test_a_public_id_that_passes_stays_below_its_bucket(value):
    passed = passes(check_public_id, value)
    if passed is None:
        return
    assert posixpath.normpath(f"/bucket/{passed}") == f"/bucket/{passed}"
    assert unquote(passed) == passed
    assert urlsplit(f"https://cdn.test/i/bucket/{quote(passed)}").path == f"/i/bucket/{quote(passed)}"
    assert 1 <= len(passed.encode()) <= 255
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in passed)


@given(st.text(max_size=60))
@example("\u0340")
@example("\u212b/x")
def test_normalizing_a_public_id_twice_changes_nothing(value):
    passed = passes(check_public_id, value)
    if passed is None:
        return
    assert check_public_id(passed) == passed


def test_two_spellings_of_one_public_id_are_one_name():
    assert check_public_id("cafe\u0301") == check_public_id("café") == "café"


@pytest.mark.parametrize(
    "value", ["a", "holiday/2026/beach 1.jpg", "日本/写真", "a.b", "...", "-", "a:b;c=d", "👍"]
)
def test_public_ids_that_people_use_are_accepted(value):
    assert check_public_id(value) == value


@pytest.mark.parametrize(
    "value",
    [
        *("", "/", "a/", "/a", "a//b", ".", "..", "a/..", "../a", " a", "a ", "a/ b"),
        *(f"a{character}b" for character in "\t\0\x7f\x85\u200b\udcff?&#\\%<>+\"'`"),
        "x" * 256,
    ],
)
def test_public_ids_that_do_not_survive_urls_or_paths_are_refused(value):
    with pytest.raises(BadName):
        check_public_id(value)


@given(st.one_of(st.text(max_size=300), st.text(alphabet="a./\\\0\n", max_size=10)))
@example("..")
@example("a/b")
@example("C:\\x.jpg")
@example("x" * 256)
def test_a_file_name_that_passes_is_no_path(value):
    passed = passes(check_filename, value)
    if passed is None:
        return
    assert posixpath.basename(passed) == passed
    assert passed not in {"", ".", ".."}
    assert not set("/\\\0\r\n") & set(passed)


@pytest.mark.parametrize("word", sorted(RESERVED_BUCKETS))
def test_a_bucket_never_hides_a_path_of_the_daemons(word):
    with pytest.raises(BadName):
        check_bucket(word)


@pytest.mark.parametrize("word", sorted(RESERVED_REGIONS))
def test_a_region_never_hides_a_subject_of_ours(word):
    with pytest.raises(BadName):
        check_region(word)
    assert check_set(word) == word


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (check_bucket, ["abc", "a-b", "0" * 63], ["ab", "-abc", "abc-", "0" * 64, "Abc", "a.b", "a_b"]),
        (check_node, ["a", "eu-1", "x" * 32], ["", "-", "a-", "x" * 33, "EU", "eu.1"]),
        (check_sha256, [SHA], [SHA.upper(), SHA[1:], SHA + "0", "g" * 64]),
        (check_extension, list(EXTENSIONS), ["", "jpeg", "JPG", "svg", "jpg "]),
    ],
)
def test_the_edges_of_each_grammar(check, good, bad):
    assert [check(value) for value in good] == good
    assert [value for value in bad if passes(check, value) is not None] == []


def test_every_extension_has_a_content_type():
    assert set(EXTENSIONS) == set(CONTENT_TYPES)


def test_a_refusal_never_repeats_a_long_or_raw_value():
    with pytest.raises(BadName) as refused:
        check_public_id("\n" * 5000)
    assert len(str(refused.value.facts["got"])) <= 80


@given(
    st.from_regex(r"[a-z0-9]{1,32}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    st.sampled_from(EXTENSIONS),
)
def test_a_handle_is_read_as_it_was_written(set_name, sha256, ext):
    handle = Handle(set_name, sha256, ext)
    assert parse_handle(str(handle)) == handle
    assert blob_path("bucket", handle) == f"/bucket/{handle}"


@pytest.mark.parametrize(
    "text",
    ["", "s1", f"s1/{SHA}", f"s1/{SHA}.", f"s1/{SHA}.svg", f"S1/{SHA}.jpg", f"/{SHA}.jpg", f"s1/{SHA}.jpg/",
     f"s1//{SHA}.jpg", f"s1/../{SHA}.jpg", f"s1/{SHA}.jpg.jpg", f"s1/{SHA}.jpg\n", f" s1/{SHA}.jpg"],
)  # fmt: skip
def test_anything_else_is_no_handle(text):
    with pytest.raises(BadName):
        parse_handle(text)


@given(hostile)
def test_a_blob_name_is_a_hash_and_an_extension_or_refused(value):
    try:
        sha256, ext = split_blob_name(value)
    except BadName:
        return
    assert (names.check_sha256(sha256), names.check_extension(ext)) == (sha256, ext)
