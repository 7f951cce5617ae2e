"""JPEGs within the letter of the standard: scans without end, rare codings, tables that are missing."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from functools import partial

from picture_maker import saved, scene

from corpus.bricks import jpeg, patched, segment
from corpus.samples import sample
from corpus.specimen import ACCEPTED, HARMLESS, UNDECODABLE, Specimen

FAMILY = "odd jpegs"
_SOF0 = b"\xff\xc0"
_RUN = 16_384  # blocks that one code of fifteen zero bits skips


def specimens(_seed: int) -> Iterator[Specimen]:
    """Scans first."""
    yield _case("1000-scans-of-49-megapixels.jpg", partial(scans, 7000, 1000), (UNDECODABLE,))
    yield _case("1000-scans-of-a-thumbnail.jpg", partial(scans, 64, 1000), (UNDECODABLE,))
    yield _case("30000-scans.jpg", partial(scans, 64, 30_000), (UNDECODABLE,))
    yield _case("60-scans-of-49-megapixels.jpg", partial(scans, 7000, 60), HARMLESS)
    yield _case("49-megapixels-without-data.jpg", partial(scans, 7000, 1), HARMLESS)
    for name, marker in _CODINGS.items():
        yield _case(f"{name}.jpg", partial(_coding, marker), HARMLESS)
    yield _case("12-bits.jpg", lambda: patched(jpeg(), jpeg().index(_SOF0) + 4, b"\x0c"), (UNDECODABLE,))
    yield _case(
        "255-components.jpg", lambda: patched(jpeg(), jpeg().index(_SOF0) + 9, b"\xff"), (UNDECODABLE,)
    )
    yield _case("sampled-4-by-4.jpg", lambda: patched(jpeg(), jpeg().index(_SOF0) + 11, b"\x44"), HARMLESS)
    yield _case(
        "sampled-0-by-0.jpg", lambda: patched(jpeg(), jpeg().index(_SOF0) + 11, b"\0"), (UNDECODABLE,)
    )
    yield _case("cmyk-inverted-by-adobe.jpg", partial(sample, "cmyk.jpg"), (ACCEPTED,))
    yield _case("cmyk-without-adobe.jpg", _cmyk_bare, (ACCEPTED,))
    yield _case("without-quantisation.jpg", partial(_without, 0xDB), HARMLESS)
    yield _case("without-codes.jpg", partial(_without, 0xC4), HARMLESS)
    yield _case("overfull-codes.jpg", _overfull, HARMLESS)
    yield _case(
        "scan-before-frame.jpg", lambda: b"\xff\xd8" + segment(0xDA, b"\1\1\0\0?\0") + jpeg()[2:], HARMLESS
    )
    yield _case("frame-twice.jpg", _frame_twice, HARMLESS)
    yield _case("restart-every-block.jpg", lambda: _restarts(jpeg()), HARMLESS)
    yield _case("noise-for-pixels.jpg", _noise, HARMLESS)
    yield _case("only-fill-bytes.jpg", lambda: jpeg()[:2] + b"\xff" * (4 << 20) + jpeg()[2:], (UNDECODABLE,))
    yield _case("nothing-but-starts.jpg", lambda: b"\xff\xd8" * (1 << 20), (UNDECODABLE,))


_CODINGS = {
    "extended": 0xC1,
    "lossless": 0xC3,
    "hierarchical": 0xC5,
    "arithmetic": 0xC9,
    "arithmetic-progressive": 0xCA,
    "arithmetic-lossless": 0xCB,
}


def _case(name: str, make, expected: tuple[str, ...]) -> Specimen:
    return Specimen(name, FAMILY, "CPU and decoders: rare or endless coding", expected, make)


def scans(side: int, count: int) -> bytes:
    """Grey and progressive: every scan refines nothing, but goes over all blocks of the picture."""
    head = segment(0xDB, b"\0" + b"\1" * 64) + segment(
        0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"
    )
    codes = segment(0xC4, b"\x00\1" + bytes(15) + b"\0") + segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")
    blocks = (-(-side // 8)) ** 2
    scan = segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(-(-(-(-blocks // _RUN) * 15) // 8))
    return b"\xff\xd8" + head + codes + scan * count + b"\xff\xd9"


def _coding(marker: int) -> bytes:
    """The photograph's bytes, said to be coded in another way."""
    return patched(jpeg(), jpeg().index(_SOF0) + 1, bytes((marker,)))


def _cmyk_bare() -> bytes:
    data = saved("JPEG", scene(60, 40).convert("CMYK"))
    at = data.index(b"\xff\xee")
    length = struct.unpack_from(">H", data, at + 2)[0]
    return data[:at] + data[at + 2 + length :]


def _without(marker: int) -> bytes:
    """Segments of this kind become comments."""
    return jpeg().replace(bytes((0xFF, marker, 0)), b"\xff\xfe\0")


def _overfull() -> bytes:
    at = jpeg().index(b"\xff\xc4") + 5
    return patched(jpeg(), at, b"\xff" * 16)


def _frame_twice() -> bytes:
    at = jpeg().index(_SOF0)
    again = segment(0xC0, struct.pack(">BHHB", 8, 65_500, 65_500, 1) + b"\1\x11\0")
    end = at + 2 + struct.unpack_from(">H", jpeg(), at + 2)[0]
    return jpeg()[:end] + again + jpeg()[end:]


def _restarts(data: bytes) -> bytes:
    at = data.index(b"\xff\xda")
    return data[:at] + segment(0xDD, b"\0\1") + data[at:]


def _noise() -> bytes:
    """A header and random bytes, each 0xFF escaped."""
    at = jpeg().index(b"\xff\xda") + 14
    return jpeg()[:at] + random.Random(4).randbytes(1 << 19).replace(b"\xff", b"\xff\0") + b"\xff\xd9"
