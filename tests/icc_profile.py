"""Small ICC profiles for tests: version 2, three primaries or grey, one gamma; and colours by hand.

`in_srgb` knows nothing of ICC: it takes the published matrices between linear RGB spaces of the same white
(D65), so that what it says and what a profile says are two ways to one colour.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

GAMMA = 563 / 256  # 2.2 as nearly as a profile can say it; what Adobe RGB prescribes
_D65, _D50 = (0.95047, 1.0, 1.08883), (0.9642, 1.0, 0.8249)
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


class Space(NamedTuple):
    """Primaries as chromaticities x, y; `to_srgb`: its linear numbers to sRGB's."""

    name: str
    primaries: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    to_srgb: Matrix


DISPLAY_P3 = Space(
    "Display P3",
    ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
)
ADOBE_RGB = Space(
    "Adobe RGB (1998)",
    ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    ((1.3984, -0.3984, 0.0), (0.0, 1.0, 0.0), (0.0, -0.0429, 1.0429)),
)


def in_srgb(space: Space, colour: tuple[int, int, int], gamma: float = GAMMA) -> tuple[int, int, int]:
    """The sRGB numbers of a colour that is given in the space's own; what sRGB has not is cut off."""
    linear = (colour[0] / 255) ** gamma, (colour[1] / 255) ** gamma, (colour[2] / 255) ** gamma
    red, green, blue = (_encoded(value) for value in _times(space.to_srgb, linear))
    return red, green, blue


def _encoded(linear: float) -> int:
    """IEC 61966-2-1."""
    clipped = min(1.0, max(0.0, linear))
    return round(255 * (12.92 * clipped if clipped <= 0.0031308 else 1.055 * clipped ** (1 / 2.4) - 0.055))


def profile(space: Space, gamma: float = GAMMA, name: str | None = None) -> bytes:
    """An RGB profile. `name`: what it calls itself."""
    tags = {b"desc": _described(name or space.name), b"wtpt": _xyz(_D65)}
    for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _colorants(space), strict=True):
        tags[tag] = _xyz(column)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    return _file(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    """A profile for greys."""
    return _file(b"GRAY", {b"desc": _described("grey"), b"wtpt": _xyz(_D50), b"kTRC": _curve(gamma)})


def _colorants(space: Space) -> list[Triple]:
    """What the primaries look like under D50: scaled so that their sum is D65, then adapted (Bradford)."""
    columns = [(x / y, 1.0, (1 - x - y) / y) for x, y in space.primaries]
    shares = _times(_inverse(_transposed(columns)), _D65)
    before, after = _times(_BRADFORD, _D65), _times(_BRADFORD, _D50)
    adapted = []
    for column, share in zip(columns, shares, strict=True):
        cone = _times(_BRADFORD, (column[0] * share, column[1] * share, column[2] * share))
        scaled = tuple(one * new / old for one, new, old in zip(cone, after, before, strict=True))
        adapted.append(_times(_inverse(_BRADFORD), scaled))
    return adapted


def _times(matrix, vector) -> Triple:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _transposed(matrix) -> Matrix:
    first, second, third = zip(*matrix, strict=True)
    return first, second, third


def _inverse(matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    first, second, third = ((x / whole, y / whole, z / whole) for x, y, z in rows)
    return first, second, third


def _xyz(values: Triple) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65_536)) for value in values)


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def _described(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    body = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    return body + bytes(-len(body) % 4)


def _file(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    offset, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for tag, body in tags.items():
        table += tag + struct.pack(">II", offset + len(data), len(body))
        data += body
    size = offset + len(data)
    head = struct.pack(">I4xI4s4s4s12x4s", size, 0x02100000, b"mntr", space, b"XYZ ", b"acsp")
    head += bytes(28) + b"".join(struct.pack(">i", round(value * 65_536)) for value in _D50)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + data
