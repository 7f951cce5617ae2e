"""JPEGs of 80 KB, each with bytes of its own, made here and now.

One picture is drawn (soft noise: as much detail, and as long to decode, as a photograph of that size); what
makes the others distinct is a comment segment before the end marker.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
from itertools import count
from pathlib import Path
from typing import NamedTuple

from PIL import Image

FAN_OUT = 256  # directories on each of the two levels below a bucket
_END = b"\xff\xd9"


class Picture(NamedTuple):
    """Its bytes and its SHA-256."""

    body: bytes
    sha256: str

    @property
    def directory(self) -> str:
        """The two levels below the bucket."""
        return f"{self.sha256[:2]}/{self.sha256[2:4]}"


def soft_noise(width: int, height: int, rng: random.Random) -> Image.Image:
    """Colourful noise at a sixth of the size, enlarged."""
    size = (width // 6, height // 6)
    small = Image.frombytes("RGB", size, rng.randbytes(size[0] * size[1] * 3))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def jpeg_8k(rng: random.Random) -> bytes:
    """A JPEG of about 8 KB."""
    out = io.BytesIO()
    soft_noise(208, 156, rng).save(out, "JPEG", quality=78)
    return out.getvalue()


def jpeg_80k(rng: random.Random) -> bytes:
    """A JPEG of about 80 KB."""
    out = io.BytesIO()
    soft_noise(640, 480, rng).save(out, "JPEG", quality=78)
    return out.getvalue()


class Pictures:
    """Endless distinct pictures."""

    def __init__(self, rng: random.Random) -> None:
        self._start = jpeg_80k(rng).removesuffix(_END)
        self._hash = hashlib.sha256(self._start)
        self._numbers = count(rng.getrandbits(40))

    @property
    def size(self) -> int:
        """Bytes of each."""
        return len(self._start) + 12 + len(_END)

    def next(self) -> Picture:
        """A picture that was not there before."""
        end = b"\xff\xfe\x00\x0a" + next(self._numbers).to_bytes(8, "big") + _END
        digest = self._hash.copy()
        digest.update(end)
        return Picture(self._start + end, digest.hexdigest())

    def take(self, number: int) -> list[Picture]:
        """So many of them."""
        return [self.next() for _ in range(number)]

    def one_per_directory(self) -> list[Picture]:
        """A picture for each directory of the upper level."""
        found: dict[str, Picture] = {}
        while len(found) < FAN_OUT:
            picture = self.next()
            found.setdefault(picture.sha256[:2], picture)
        return list(found.values())


def make_directories(root: Path) -> None:
    """All 65,536 directories of a bucket, as a store has them that is not new."""
    for upper in range(FAN_OUT):
        for lower in range(FAN_OUT):
            (root / f"{upper:02x}" / f"{lower:02x}").mkdir(parents=True)
    os.sync()
