"""Paths: one spelling is a blob, everything else is refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.errors import BadName, BadRequest, NotFound, Rejected
from storage_node.blob_address import parse_address
from storage_node.store import BlobKey

SHA = "0123456789abcdef" * 4


def test_a_path_names_bucket_set_hash_and_extension() -> None:
    address = parse_address(f"/photos/s1/{SHA}.jpg")
    assert address.key == BlobKey("photos", SHA, "jpg")
    assert (address.handle.set, address.path) == ("s1", f"/photos/s1/{SHA}.jpg")


@pytest.mark.parametrize(
    "path",
    [
        f"/photos/s1/{SHA}.svg", f"/photos/s1/{SHA}", f"/photos/s1/{SHA}.", f"/photos/s1/{SHA}.jpg.jpg",
        f"/photos/s1/{SHA[:-1]}.jpg", f"/photos/s1/{SHA}0.jpg", f"/photos/s1/{SHA.upper()}.jpg",
        f"/photos/s1/{'g' * 64}.jpg", f"/Photos/s1/{SHA}.jpg", f"/ph/s1/{SHA}.jpg", f"/../s1/{SHA}.jpg",
        f"/photos/../{SHA}.jpg", f"/photos/./{SHA}.jpg", "/photos/s1/..", f"/photos//{SHA}.jpg",
        "/photos/s1/",
        f"//s1/{SHA}.jpg", f"/photos/s1/%2e%2e{SHA[6:]}.jpg", f"/photos/s1%00/{SHA}.jpg",
        f"/%70hotos/s1/{SHA}.jpg", f"/photos/s1/{SHA}%2ejpg", f"/photos/s1/{SHA}%252ejpg",
        f"/photos/s1/{SHA}.jpg\x00", f"/photos/s1/{SHA}.jpg\n", f"/photos/s1/ {SHA}.jpg",
        f"/photos/s1;x/{SHA}.jpg", "/photos\\..\\s1/a/b", f"/photos/{'s' * 33}/{SHA}.jpg",
    ],
)  # fmt: skip
def test_a_part_outside_its_grammar_is_a_bad_name(path: str) -> None:
    with pytest.raises(BadName):
        parse_address(path)


@pytest.mark.parametrize(
    "path",
    ["/", "", "photos", "/photos", "/favicon.ico", "/robots.txt", f"/internal/s1/{SHA}.jpg", "/app/x/y"],
)
def test_paths_of_another_form_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        parse_address(path)


@pytest.mark.parametrize("transformation", ["w_100", "c_fill,w_288/e_sepia", "a/b/c/d"])
def test_a_path_with_more_in_it_is_no_blobs(transformation: str) -> None:
    with pytest.raises(NotFound):
        parse_address(f"/photos/{transformation}/s1/{SHA}.jpg")


@pytest.mark.parametrize(
    "path", ["/photos/../../etc/passwd", f"/photos/%2e%2e/%2e%2e/s1/x{SHA}.jpg", "/a/b/c/d/e"]
)
def test_traversal_over_more_segments_is_refused_too(path: str) -> None:
    with pytest.raises(Rejected):
        parse_address(path)


def test_bytes_outside_ascii_are_refused_without_echo() -> None:
    with pytest.raises(BadRequest) as refused:
        parse_address(f"/photos/s1/\udcff{SHA}.jpg")
    refused.value.problem()["detail"].encode()


@given(st.text(max_size=200))
def test_no_path_breaks_the_parser(text: str) -> None:
    for path in (text, "/" + text, f"/photos/s1/{text}", f"/{text}/s1/{SHA}.jpg"):
        try:
            address = parse_address(path)
        except Rejected:
            continue
        assert address.path == path
