"""The pieces that image containers are built of, put together whether they make sense or not. Pure."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import cache

from picture_maker import saved, scene

# --- PNG


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes, data: bytes | None = None, depth: int = 8) -> bytes:
    """RGB of this claimed size; `chunks` before the pixels, `data` the compressed pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    pixels = zlib.compress(b"\0" * 100) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def rows(width: int, height: int) -> bytes:
    """The compressed pixels of a black RGB PNG of this size."""
    return zlib.compress((b"\0" * (width * 3 + 1)) * height, 9)


@cache
def zeros(size: int) -> bytes:
    """So many zero bytes, compressed a thousandfold."""
    packer = zlib.compressobj(9)
    block = b"\0" * (1 << 20)
    packed = b"".join(packer.compress(block) for _ in range(size >> 20))
    return packed + packer.flush()


# --- JPEG


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment; its length counts itself."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


@cache
def jpeg() -> bytes:
    """A plain small photograph."""
    return saved("JPEG", scene(120, 80))


def jpeg_with(*segments: bytes) -> bytes:
    """The small photograph with these segments at its beginning."""
    return jpeg()[:2] + b"".join(segments) + jpeg()[2:]


def jpeg_sized(width: int, height: int) -> bytes:
    """The small photograph with a header that claims another size."""
    return patched(jpeg(), jpeg().index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def exif(body: bytes) -> bytes:
    """A JPEG segment of EXIF."""
    return segment(0xE1, b"Exif\0\0" + body)


# --- GIF

PIXEL = b"\x02\x02\x44\x01\0"


def gif(width: int, height: int, *blocks: bytes, end: bytes = b";") -> bytes:
    """A GIF with two colours."""
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + b"\0\0\0\xff\xff\xff"
        + b"".join(blocks)
        + end
    )


def gif_frame(left: int = 0, top: int = 0, width: int = 1, height: int = 1, data: bytes = PIXEL) -> bytes:
    """One image of a GIF, with pixels for one by one."""
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + data


def sub_blocks(body: bytes, length: int = 255) -> bytes:
    """GIF's way of carrying bytes, `length` at a time."""
    parts = (body[at : at + length] for at in range(0, len(body), length))
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


# --- TIFF

Entry = tuple[int, int, int, int]  # tag, type, count, value or offset


def directory(entries: Sequence[Entry], following: int = 0) -> bytes:
    """A TIFF directory, little-endian."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries) & 0xFFFF) + body + struct.pack("<I", following)


def tiff(entries: Sequence[Entry], following: int = 0, rest: bytes = b"") -> bytes:
    """A TIFF of one directory at offset 8."""
    return b"II*\0\x08\0\0\0" + directory(entries, following) + rest


def grey_tiff(
    width: int, height: int, *more: Entry, compression: int = 1, data_bytes: int = 1
) -> list[Entry]:
    """The entries of a greyscale page whose pixels begin at offset 8; `more` replaces or adds."""
    own = {
        256: (256, 4, 1, width),
        257: (257, 4, 1, height),
        258: (258, 3, 1, 8),
        259: (259, 3, 1, compression),
        262: (262, 3, 1, 1),
        273: (273, 4, 1, 8),
        277: (277, 3, 1, 1),
        278: (278, 4, 1, height),
        279: (279, 4, 1, data_bytes),
    }
    own.update({entry[0]: entry for entry in more})
    return [own[tag] for tag in sorted(own)]


# --- WebP, AVIF, HEIC, and any bytes


def riff(*chunks: bytes) -> bytes:
    """A WebP file of these chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    """A chunk, padded; `length` is what it claims."""
    return kind + struct.pack("<I", len(body) if length is None else length) + body + b"\0" * (len(body) & 1)


def webp_canvas(width: int, height: int, flags: int = 0) -> bytes:
    """The chunk of WebP that gives the canvas."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sides)


def box(kind: bytes, body: bytes) -> bytes:
    """A box of AVIF and HEIC."""
    return struct.pack(">I", len(body) + 8) + kind + body


def patched(data: bytes, at: int, value: bytes) -> bytes:
    """`data` with `value` written over it."""
    return data[:at] + value + data[at + len(value) :]


def patched_after(data: bytes, mark: bytes, skip: int, value: bytes) -> bytes:
    """Every occurrence of `mark` with `value` written `skip` bytes behind its end."""
    at = data.find(mark)
    assert at >= 0, mark
    while at >= 0:
        data = patched(data, at + len(mark) + skip, value)
        at = data.find(mark, at + len(mark))
    return data
