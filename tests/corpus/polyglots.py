"""One file that is two things: a picture to the node, a program, page or archive to somebody else."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

from corpus.bricks import chunk, gif_frame, jpeg, jpeg_with, png, riff_chunk, rows, segment
from corpus.samples import sample
from corpus.specimen import ACCEPTED, HARMLESS, NO_IMAGE, Specimen

FAMILY = "polyglots"
SCRIPT = b"alert(document.cookie)"
PAGE = b"<!doctype html><script>" + SCRIPT + b"</script>"


def specimens(_seed: int) -> Iterator[Specimen]:
    """What is a picture is taken as one (nothing else of it survives rendering); the rest is refused."""
    yield _both("gif-and-script.gif", _gif_script)
    yield _both("jpeg-and-archive.jpg", lambda: jpeg() + _archive())
    yield _both("jpeg-and-php.jpg", lambda: jpeg_with(segment(0xFE, b"<?php system($_GET['c']); ?>")))
    yield _both("jpeg-and-page.jpg", lambda: jpeg_with(segment(0xFE, PAGE)))
    yield _both(
        "jpeg-and-pdf.jpg",
        lambda: jpeg_with(segment(0xFE, b"%PDF-1.7\n1 0 obj<<>>stream")) + b"endstream\n%%EOF",
    )
    yield _both(
        "png-and-page.png", lambda: png(10, 10, chunk(b"tEXt", b"Comment\0" + PAGE), data=rows(10, 10))
    )
    yield _both("png-and-archive.png", lambda: png(10, 10, data=rows(10, 10)) + _archive())
    yield _both("webp-and-page.webp", _webp_page)
    yield _both("tiff-and-archive.tiff", lambda: sample("raw.tiff") + _archive())
    yield _both("heic-and-page.heic", lambda: sample("still.heic") + b"\0\0\0\x08free" + PAGE, HARMLESS)
    yield _other("svg-called.png", lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    yield _other(
        "svg-with-a-declaration.jpg", lambda: b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>"
    )
    yield _other("pdf-and-jpeg.jpg", lambda: b"%PDF-1.7\n1 0 obj<</Filter/DCTDecode>>stream\n" + jpeg())
    yield _other("page-and-gif.gif", lambda: PAGE + sample("still.gif"))
    yield _other(
        "postscript.png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file"
    )
    yield _other("imagemagick-script.jpg", lambda: b"push graphic-context\nfill 'url(https://x/\"|id\")'\n")
    yield _other("archive.png", _archive)


def _both(name: str, make, expected: tuple[str, ...] = (ACCEPTED,)) -> Specimen:
    return Specimen(name, FAMILY, "readers: a picture that is something else as well", expected, make)


def _other(name: str, make) -> Specimen:
    return Specimen(name, FAMILY, "readers: something else that calls itself a picture", (NO_IMAGE,), make)


def _gif_script() -> bytes:
    """A width of 10,799 is `/*` in a script: the picture is a comment in it."""
    head = b"GIF89a/*" + struct.pack("<HBBB", 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + gif_frame() + b";*/=1;" + SCRIPT


def _webp_page() -> bytes:
    data = sample("lossy.webp") + riff_chunk(b"junk", PAGE)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../evil.sh"), b"id")
    return out.getvalue()
