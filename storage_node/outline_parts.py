"""What walking a container may meet: its end too early, nonsense, or more parts than a picture has. Pure.

Decoders spend time and memory on every part of a container (a chunk, a segment, a block, a strip), many of
them in Python: a million empty parts fit into a few megabytes and cost seconds and hundreds of megabytes.
A progressive JPEG's decoder goes over the whole picture once for every scan. So both are counted before.
Shared by `container_outline`, `jpeg_outline` and `tiff_outline`.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass

Buffer = bytes | mmap.mmap


class Truncated(Exception):
    """The container goes on after the end of the file."""


class Malformed(Exception):
    """The container contradicts its own grammar."""


class TooManyParts(Exception):
    """More than a picture has: `what` was counted, and at most `most` are taken."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__(f"more than {most} {what}")
        self.what = what
        self.most = most


class Tally:
    """Counts parts up to a limit."""

    def __init__(self, most: int, what: str = "parts") -> None:
        self._left = self._most = most
        self._what = what

    def add(self, count: int = 1) -> None:
        """Raises TooManyParts."""
        self._left -= count
        if self._left < 0:
            raise TooManyParts(self._what, self._most)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many parts a container may have, and how many scans a JPEG.

    The largest PNG taken has some 8,000 chunks as libpng writes it; encoders write some ten scans.
    """

    parts: int = 65_536
    scans: int = 100


BOUNDS = Bounds()


def piece(data: Buffer, where: int, size: int) -> bytes:
    """So many bytes from there. Raises Truncated."""
    if where + size > len(data):
        raise Truncated
    return data[where : where + size]


def big(data: Buffer, where: int, size: int) -> int:
    """An unsigned number, most significant byte first. Raises Truncated."""
    return int.from_bytes(piece(data, where, size), "big")


def little(data: Buffer, where: int, size: int) -> int:
    """An unsigned number, least significant byte first. Raises Truncated."""
    return int.from_bytes(piece(data, where, size), "little")
