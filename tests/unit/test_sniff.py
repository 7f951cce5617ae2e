"""Bytes decide what a file is; claims are only compared with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.names import CONTENT_TYPES
from storage_node import sniff as sniffing
from storage_node.sniff import (
    AVIF,
    BMP,
    GIF,
    HEIC,
    JPEG,
    PNG,
    TIFF,
    WEBP,
    agrees,
    declared_by_name,
    declared_type,
    is_svg,
    sniff,
)


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    return (
        (16 + 4 * len(compatible)).to_bytes(4, "big") + b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)
    )


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", JPEG),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", PNG),
        (b"GIF87a\1\0\1\0", GIF),
        (b"GIF89a\1\0\1\0", GIF),
        (b"RIFF\x10\0\0\0WEBPVP8X", WEBP),
        (b"RIFF\x10\0\0\0WEBPVP8 ", WEBP),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", BMP),
        (b"BM\x1a\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0", BMP),
        (b"II*\0\x08\0\0\0", TIFF),
        (b"MM\0*\0\0\0\x08", TIFF),
        (ftyp(b"avif", b"mif1"), AVIF),
        (ftyp(b"avis"), AVIF),
        (ftyp(b"heic", b"mif1"), HEIC),
        (ftyp(b"heix"), HEIC),
        (ftyp(b"mif1", b"mif1", b"avif", b"miaf"), AVIF),
        (ftyp(b"mif1", b"miaf", b"heic"), HEIC),
        (ftyp(b"mif1", b"heic", b"avif"), HEIC),
        (ftyp(b"mif1", b"avif", b"heic"), AVIF),
        (ftyp(b"avif", b"heic"), AVIF),
        (ftyp(b"heic", b"avif"), HEIC),
        (ftyp(b"mif1"), HEIC),
    ],
)
def test_each_allowed_type_is_known_by_its_magic(head, expected):
    assert sniff(head) is expected
    assert sniff(head + b"\0" * 100) is expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xd8",
        b"hello, world, this is text",
        b"<svg xmlns='http://www.w3.org/2000/svg'>",
        b"%PDF-1.7",
        b"BM\x36\0\0\0",
        b"II+\0\x08\0\0\0",  # BigTIFF
        b"MM\0+\0\x08\0\0",  # BigTIFF
        b"II*\0\x10\0\0\0CR\x02\0",  # Canon raw
        b"RIFF\x10\0\0\0WAVEfmt ",
        b"RIFF\x10\0\0\0WEBPJUNK",
        ftyp(b"isom", b"avif"),  # a film whose brands also list a picture's
        ftyp(b"mp42"),
        b"GIF90a\1\0",
    ],
)
def test_everything_else_is_no_image(head):
    assert sniff(head) is None


@pytest.mark.parametrize(
    ("head", "filename"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"\xef\xbb\xbf  <?xml version='1.0'?>\n<!-- made by hand -->\n<SVG width='1'>", "logo.txt"),
        (b"<?xml version='1.0'?><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN'", None),
        (b"<?xml version='1.0'?><s:svg xmlns:s='http://www.w3.org/2000/svg'>", None),
        ("<?xml version='1.0' encoding='UTF-16'?><svg>".encode("utf-16"), None),
        (b"\x1f\x8b\x08\0packed", "Logo.SVGZ"),
        (b"<?xml version='1.0'?>" + b" " * 600, "logo.svg"),
    ],
)
def test_an_svg_is_known_for_what_it_is_and_is_no_image(head, filename):
    assert sniff(head) is None
    assert is_svg(head, filename)


@pytest.mark.parametrize("head", [b"hello", b"%PDF-1.7", b"<html><body>", b"<?xml version='1.0'?><rss>", b""])
def test_what_is_no_svg_is_not_called_one(head):
    assert not is_svg(head, "a.txt")
    assert not is_svg(head, None)


def test_brands_after_the_end_of_their_box_do_not_count():
    assert sniff(ftyp(b"mif1", b"miaf") + b"avif") is HEIC


@given(st.binary(max_size=80))
def test_any_bytes_have_an_answer(head):
    assert sniff(head) in (*sniffing.ALL_TYPES, None)


def test_every_type_has_its_own_extension_and_content_type():
    assert {t.extension: t.content_type for t in sniffing.ALL_TYPES} == CONTENT_TYPES


@pytest.mark.parametrize(
    "silent",
    [None, "", "application/octet-stream", "application/x-www-form-urlencoded", "text/plain", "image/*"],
)
def test_a_content_type_that_is_no_image_makes_no_claim(silent):
    assert declared_type(silent) is None


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("image/jpeg", JPEG),
        ("image/jpg", JPEG),
        ("IMAGE/PNG; q=1", PNG),
        ("image/heif", HEIC),
        ("image/avif", AVIF),
        ("image/tiff", TIFF),
        ("image/webp", WEBP),
        ("image/gif", GIF),
        ("image/bmp", BMP),
        ("image/x-ms-bmp", BMP),
    ],
)
def test_an_image_content_type_agrees_with_its_own_type_alone(content_type, found):
    claim = declared_type(content_type)
    assert [t for t in sniffing.ALL_TYPES if agrees(t, claim)] == [found]


def test_an_image_type_we_do_not_take_agrees_with_nothing():
    claim = declared_type("image/svg+xml")
    assert not any(agrees(t, claim) for t in sniffing.ALL_TYPES)


@pytest.mark.parametrize(
    ("name", "found"), [("a.JPEG", JPEG), ("x.y.tif", TIFF), ("p.heif", HEIC), ("é.png", PNG)]
)
def test_a_suffix_claims_its_type(name, found):
    assert [t for t in sniffing.ALL_TYPES if agrees(t, declared_by_name(name))] == [found]


@pytest.mark.parametrize("name", [None, "", "holiday", "notes.txt", "archive.", ".hidden", "a.jpg.bak"])
def test_other_names_claim_nothing(name):
    assert declared_by_name(name) is None
