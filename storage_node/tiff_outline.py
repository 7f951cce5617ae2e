"""A TIFF's directories, and how many strips or tiles they name, counted. Pure. Called by `container_outline`.

Pillow makes a list of all strips before anyone can ask how many there are, and reads each by itself. Nothing
else is judged here: what makes no sense is the decoder's to refuse. Directories in a circle end the walk.
"""

from __future__ import annotations

from storage_node.outline_parts import Bounds, Buffer, Tally

_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324
_ENTRY_BYTES = 12


def count_parts(data: Buffer, bounds: Bounds) -> None:
    """Raises TooManyParts."""
    order = "little" if data[:2] == b"II" else "big"

    def number(where: int, size: int) -> int:
        return int.from_bytes(data[where : where + size], order)  # type: ignore[arg-type]  # one of its two words

    parts = Tally(bounds.parts)
    seen: set[int] = set()
    where = number(4, 4)
    while where and where not in seen and where < len(data):
        seen.add(where)
        entries = number(where, 2)
        parts.add(1 + entries)
        for at in range(where + 2, where + 2 + entries * _ENTRY_BYTES, _ENTRY_BYTES):
            if number(at, 2) in {_STRIP_OFFSETS, _TILE_OFFSETS}:
                parts.add(number(at + 4, 4))
        where = number(where + 2 + entries * _ENTRY_BYTES, 4)
