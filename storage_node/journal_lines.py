"""One line of the journal: what kind, what body, and a checksum over both. Pure.

    crc32 (8 hex digits) kind JSON newline

A line that was torn by a power cut does not have its checksum and is no line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

KINDS = (b"journal", b"record", b"tombstone", b"receipt", b"ticket")


class Line(NamedTuple):
    """`body` is JSON without a newline."""

    kind: bytes
    body: bytes


def encode(lines: Iterable[Line]) -> bytes:
    """The lines as they lie on the disk."""
    return b"".join(_encode(b"%b %b" % line) for line in lines)


def _encode(text: bytes) -> bytes:
    return b"%08x %b\n" % (crc32(text), text)


def decode(raw: bytes) -> Line | None:
    """The line in `raw`, which ends with its newline; None when it is torn or changed."""
    text = raw[9:-1]
    if raw[-1:] != b"\n" or raw[:9] != b"%08x " % crc32(text):
        return None
    kind, _, body = text.partition(b" ")
    return Line(kind, body) if kind in KINDS else None
