"""Profiles, EXIF, XMP and IPTC that are too large, or nonsense: they spoil no picture they come with."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from functools import partial

from picture_maker import saved, scene

from corpus.bricks import (
    chunk,
    exif,
    gif,
    gif_frame,
    jpeg_with,
    png,
    riff,
    riff_chunk,
    rows,
    segment,
    sub_blocks,
    tiff,
    webp_canvas,
)
from corpus.samples import sample
from corpus.specimen import ACCEPTED, HARMLESS, UNDECODABLE, Specimen

FAMILY = "metadata"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_MANY = 1 << 22  # bytes of metadata


def specimens(_seed: int) -> Iterator[Specimen]:
    """By kind of metadata."""
    yield from _profiles()
    yield from _exifs()
    yield from _xmps_and_iptcs()
    yield from _comments()


def _case(name: str, make, expected: tuple[str, ...] = (ACCEPTED,)) -> Specimen:
    return Specimen(name, FAMILY, "CPU and memory: metadata", expected, make)


_PROFILES = {
    "noise": lambda: random.Random(1).randbytes(3000),
    "no-tags": lambda: b"\0" * 128 + struct.pack(">I", 0),
    "tags-beyond-the-end": lambda: b"\0" * 36 + b"acsp" + b"\0" * 88 + b"\xff\xff\xff\xff",
    "of-cmyk": lambda: b"\0" * 16 + b"CMYK" + b"\0" * 16 + b"acsp" + b"\0" * 500,
    "of-4-megabytes": lambda: b"\0" * 36 + b"acsp" + b"\0" * _MANY,
}


def _profiles() -> Iterator[Specimen]:
    for name, make in _PROFILES.items():
        for decoder, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")):
            expected = HARMLESS if name == "of-4-megabytes" else (ACCEPTED,)
            yield _case(f"profile-{name}.{suffix}", partial(_with_profile, decoder, make), expected)
    parts = [segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 255)) + b"\0" * 60_000) for n in range(1, 4)]
    yield _case("profile-parts-disagree.jpg", lambda: jpeg_with(*parts))


def _with_profile(decoder: str, make) -> bytes:
    return saved(decoder, scene(60, 40), icc_profile=make())


_ENTRY = (0x0112, 3, 0x7FFF_FFFF, 0xFFFF_FF00)
_EXIFS = {
    "noise": lambda: random.Random(2).randbytes(2000),
    "outside": lambda: tiff([_ENTRY]),
    "5000-entries": lambda: tiff([_ENTRY] * 5000),
    "orientation-99": lambda: tiff([(0x0112, 3, 1, 99)]),
    "cut-off": lambda: b"II*\0",
    "empty": lambda: b"",
}


def _exifs() -> Iterator[Specimen]:
    for name, make in _EXIFS.items():
        yield _case(f"exif-{name}.jpg", partial(_exif_jpeg, make))
        yield _case(f"exif-{name}.png", partial(_exif_png, make))
        yield _case(f"exif-{name}.webp", partial(_exif_webp, make), HARMLESS)
    yield _case(
        "exif-of-4-megabytes.png",
        lambda: png(10, 10, chunk(b"eXIf", b"II*\0" + b"\0" * _MANY), data=rows(10, 10)),
    )
    yield _case("exif-of-4-megabytes.jpg", lambda: jpeg_with(*[exif(b"\0" * 65_000)] * 64))


def _exif_jpeg(make) -> bytes:
    return jpeg_with(exif(make()[:65_000]))


def _exif_png(make) -> bytes:
    return png(10, 10, chunk(b"eXIf", make()), data=rows(10, 10))


def _exif_webp(make) -> bytes:
    return riff(webp_canvas(120, 80, flags=8), sample("lossy.webp")[12:], riff_chunk(b"EXIF", make()))


def _xmps_and_iptcs() -> Iterator[Specimen]:
    turned = b"<x tiff:Orientation='" + b"6" * 60_000 + b"'/>"
    laughs = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '" + b"&a;" * 10_000 + b"'>]><x>&b;</x>"
    for name, body in (
        ("turned-too-far", turned),
        ("of-entities", laughs),
        ("noise", random.Random(3).randbytes(9000)),
    ):
        yield _case(f"xmp-{name}.jpg", partial(jpeg_with, segment(0xE1, _XMP + body)))
    yield _case("xmp-of-4-megabytes.jpg", lambda: jpeg_with(*[segment(0xE1, _XMP + b" " * 65_000)] * 64))
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + b"<tiff:Orientation>" * 40_000
    yield _case("xmp-without-end.png", lambda: png(10, 10, chunk(b"iTXt", text), data=rows(10, 10)), HARMLESS)
    resource = b"8BIM\x04\x04\0\0"
    for name, size in (("claims-4-gigabytes", b"\xff\xff\xff\xff"), ("claims-nothing", b"\0\0\0\0")):
        yield _case(
            f"iptc-{name}.jpg",
            partial(jpeg_with, segment(0xED, _PHOTOSHOP + resource + size + b"\x1c\x02\x05\x7f\xff")),
        )
    yield _case(
        "iptc-of-5000-records.jpg",
        partial(jpeg_with, segment(0xED, _PHOTOSHOP + (resource + b"\0\0\0\0") * 5000)),
    )


def _comments() -> Iterator[Specimen]:
    yield _case("comment-of-16-megabytes.gif", partial(_gif_comment, 16 << 20, 255), HARMLESS)
    yield _case("comment-byte-by-byte.gif", partial(_gif_comment, 4 << 20, 1), (UNDECODABLE,))
    yield _case("pixels-byte-by-byte.gif", _gif_pixels, (UNDECODABLE,))
    yield _case("a-million-comments.gif", partial(_gif_comments, 1_000_000), (UNDECODABLE,))
    yield _case("xmp-of-16-megabytes.gif", _gif_xmp, HARMLESS)
    yield _case(
        "comments-of-16-megabytes.jpg", lambda: jpeg_with(*[segment(0xFE, b"x" * 65_000)] * 256), HARMLESS
    )
    yield _case("a-million-segments.jpg", lambda: jpeg_with(segment(0xEF, b"") * 1_000_000), (UNDECODABLE,))
    yield _case(
        "half-a-million-chunks.png",
        lambda: png(10, 10, chunk(b"teSt", b"") * 500_000, data=rows(10, 10)),
        (UNDECODABLE,),
    )
    yield _case(
        "half-a-million-texts.png",
        lambda: png(10, 10, chunk(b"tEXt", b"a\0") * 500_000, data=rows(10, 10)),
        (UNDECODABLE,),
    )
    yield _case("half-a-million-pieces.png", _pieces, (UNDECODABLE,))
    yield _case("half-a-million-chunks.webp", _webp_chunks, HARMLESS)


def _gif_comment(size: int, length: int) -> bytes:
    whole, rest = divmod(size, length)
    block = bytes((length,)) + b"x" * length
    last = bytes((rest,)) + b"x" * rest if rest else b""
    return gif(10, 10, b"!\xfe" + block * whole + last + b"\0", gif_frame())


def _gif_pixels() -> bytes:
    """A frame whose codes come in sub-blocks of one byte: each is skipped in Python."""
    return gif(10, 10, gif_frame(data=b"\x02" + b"\x01\x44" * (1 << 20) + b"\0"), gif_frame())


def _gif_comments(count: int) -> bytes:
    return gif(10, 10, b"!\xfe\x01x\0" * count, gif_frame())


def _gif_xmp() -> bytes:
    return gif(10, 10, b"!\xff\x0bXMP DataXMP" + sub_blocks(b"x" * (16 << 20)), gif_frame())


def _pieces() -> bytes:
    """The pixels of a PNG in as many chunks of nothing."""
    whole = png(10, 10, data=rows(10, 10))
    at = whole.index(b"IDAT") - 4
    return whole[:at] + chunk(b"IDAT", b"") * 500_000 + whole[at:]


def _webp_chunks() -> bytes:
    return riff(webp_canvas(120, 80), sample("lossy.webp")[12:], riff_chunk(b"junk", b"") * 500_000)
