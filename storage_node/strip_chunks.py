"""PNG, WebP and GIF without what programs and cameras wrote. Pure; linear in the file. Called by `strip`.

Each keeps what a decoder needs for the pixels and their colours, by an allow-list: what nobody knows goes,
for it may be anything. PNG chunks that are critical stay whatever they are called; the decoder judges them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from storage_node.outline_parts import Buffer
from storage_node.strip_exif import orientation_exif

_PNG_KEPT = frozenset(
    b"tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs sPLT acTL fcTL fdAT".split()
)
_WEBP_KEPT = frozenset({b"ICCP", b"ANIM", b"ALPH", b"VP8 ", b"VP8L"})
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
_FRAME_HEADER = 16
_GIF_KEPT = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})
_PLAIN_TEXT, _CONTROL, _APPLICATION = 0x01, 0xF9, 0xFF


def png_pieces(data: Buffer, orientation: int) -> Iterator[bytes]:
    """What is left; a broken end is passed on for the decoder to judge."""
    yield data[:8]
    where = 8
    while where + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[where : where + 8])
        end = where + 12 + length
        if not kind[0] & 0x20 or kind in _PNG_KEPT:
            yield data[where:end]
        if kind == b"IHDR" and orientation != 1:
            yield _png_chunk(b"eXIf", orientation_exif(orientation))
        where = end
        if kind == b"IEND":
            return
    yield data[where:]


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def webp_pieces(data: Buffer, orientation: int) -> Iterator[bytes]:
    """What is left, with a header that says its size."""
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    turned = orientation != 1
    kept = list(_riff(data, 12, end, turned))
    if turned:
        kept.append(_riff_chunk(b"EXIF", orientation_exif(orientation)))
    yield b"RIFF" + (4 + sum(map(len, kept))).to_bytes(4, "little") + b"WEBP"
    yield from kept


def _riff(data: Buffer, where: int, end: int, turned: bool) -> Iterator[bytes]:
    while where + 8 <= end:
        kind, size = struct.unpack("<4sI", data[where : where + 8])
        body_end = min(where + 8 + size, end)
        if kind == b"VP8X" and body_end > where + 8:
            flags = data[where + 8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if turned else 0)
            yield data[where : where + 8] + bytes([flags]) + data[where + 9 : body_end]
        elif kind == b"ANMF":
            header = data[where + 8 : where + 8 + _FRAME_HEADER]
            inner = b"".join(_riff(data, where + 8 + _FRAME_HEADER, body_end, turned=False))
            yield _riff_chunk(kind, header + inner)
        elif kind in _WEBP_KEPT:
            yield data[where:body_end] + b"\0" * (size & 1)
        where = body_end + (size & 1)


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) & 1)


def gif_pieces(data: Buffer, _orientation: int) -> Iterator[bytes]:
    """What is left; a broken end is passed on for the decoder to judge."""
    where = 13 + _palette(data[10:11])
    yield data[:where]
    while where < len(data):
        begin, kind = where, data[where]
        if kind == 0x3B:
            yield data[begin : begin + 1]
            return
        if kind == 0x2C:
            where = _behind_blocks(data, where + 11 + _palette(data[where + 9 : where + 10]))
        elif kind == 0x21:
            where = _behind_blocks(data, where + 2)
            if not _is_kept(data[begin + 1 : begin + 14]):
                continue
        else:
            where = len(data)
        yield data[begin:where]


def _palette(flags: bytes) -> int:
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _behind_blocks(data: Buffer, where: int) -> int:
    while where < len(data) and data[where]:
        where += 1 + data[where]
    return min(where + 1, len(data))


def _is_kept(extension: bytes) -> bool:
    """By its label; an application's also by its name, behind a block of eleven bytes."""
    label = extension[0] if extension else 0
    if label == _APPLICATION:
        return extension[2:13] in _GIF_KEPT
    return label in {_CONTROL, _PLAIN_TEXT}
