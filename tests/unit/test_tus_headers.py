"""The headers of resumable uploads: what is understood, and what is refused."""

from __future__ import annotations

import base64
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.errors import AtollError, BadRequest, EmptyBody, TooLarge
from atoll.tus_errors import TusVersion
from storage_node.tus_headers import (
    ALGORITHMS,
    check_version,
    checksum_of,
    concat_of,
    parse_metadata,
    upload_length,
    upload_offset,
)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        (" ", {}),
        ("a", {"a": ""}),
        ("a ", {"a": ""}),
        (f"a {b64('x')}", {"a": "x"}),
        (f"filename {b64('ä.png')},is_confidential", {"filename": "ä.png", "is_confidential": ""}),
        (f"a {b64('x')}, b {b64('y')}", {"a": "x", "b": "y"}),
    ],
)
def test_metadata_is_pairs_of_a_key_and_base64(text, pairs):
    assert parse_metadata(text, 1000) == pairs


@pytest.mark.parametrize(
    "text", [",", "a,", " b,,c", "a x", "a x y", "ä eA==", "a eA==,a eA==", "a /w==", "a e-A=", "\x7f eA=="]
)
def test_metadata_that_is_something_else_is_refused(text):
    with pytest.raises(BadRequest):
        parse_metadata(text, 1000)


def test_metadata_is_no_longer_than_allowed():
    assert parse_metadata("a" * 10, 10)
    with pytest.raises(TooLarge):
        parse_metadata("a" * 11, 10)
    with pytest.raises(TooLarge):
        parse_metadata(",".join(f"k{i}" for i in range(65)), 1000)


@given(st.dictionaries(st.text("abcXYZ_-.", min_size=1, max_size=9), st.text(max_size=20), max_size=5))
def test_metadata_comes_back_as_it_was_sent(pairs):
    text = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
    assert parse_metadata(text, 10_000) == pairs


@given(st.text(max_size=80))
def test_whatever_stands_in_a_header_is_understood_or_refused(text):
    for read in (
        lambda: parse_metadata(text, 100),
        lambda: checksum_of({"Upload-Checksum": text}),
        lambda: concat_of({"Upload-Concat": text}, 3),
        lambda: upload_length({"Upload-Length": text}, 100),
        lambda: upload_offset({"Upload-Offset": text}),
    ):
        with contextlib.suppress(AtollError):
            read()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_matches_the_bytes_it_was_made_of_and_no_others(algorithm):
    digest = base64.b64encode(hashlib.new(algorithm, b"hello").digest()).decode()
    for data, same in ((b"hello", True), (b"hellO", False), (b"", False)):
        checksum = checksum_of({"Upload-Checksum": f"{algorithm} {digest}"})
        assert checksum is not None
        checksum.update(data)
        assert checksum.matches is same
    assert checksum_of({}) is None


def test_sha1_is_among_the_checksums():
    assert "sha1" in ALGORITHMS  # the specification demands it


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1e3", "0x1", "١", "9" * 19])
def test_a_number_is_digits_only(text):
    with pytest.raises(BadRequest):
        upload_length({"Upload-Length": text}, 10**18)
    with pytest.raises(BadRequest):
        upload_offset({"Upload-Offset": text})


def test_a_length_is_from_one_to_the_limit():
    assert upload_length({"Upload-Length": "10"}, 10) == 10
    with pytest.raises(TooLarge):
        upload_length({"Upload-Length": "11"}, 10)
    with pytest.raises(EmptyBody):
        upload_length({"Upload-Length": "0"}, 10)
    with pytest.raises(BadRequest, match="creation-defer-length"):
        upload_length({"Upload-Defer-Length": "1"}, 10)


def test_a_concatenation_is_a_part_or_a_list_of_parts():
    assert concat_of({}, 3) is None
    part = concat_of({"Upload-Concat": "partial"}, 3)
    assert part is not None
    assert not part.final
    final = concat_of({"Upload-Concat": "final;/a /b"}, 3)
    assert final is not None
    assert final.urls == ("/a", "/b")
    with pytest.raises(TooLarge):
        concat_of({"Upload-Concat": "final;/a /b /c /d"}, 3)
    with pytest.raises(BadRequest):
        concat_of({"Upload-Concat": "final;/a", "Upload-Length": "1"}, 3)


@pytest.mark.parametrize("headers", [{}, {"Tus-Resumable": "0.2.2"}, {"Tus-Resumable": "1.0"}])
def test_another_version_is_refused(headers):
    with pytest.raises(TusVersion):
        check_version(headers)
