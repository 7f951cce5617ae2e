"""What is known of a blob's picture beyond its size, as `blobs.looks` keeps it: JSON, "" for nothing. Pure.

One column for all of it: nobody searches by it, and most of what reads `blobs` does not want it.
"""

from __future__ import annotations

import msgspec
from msgspec import structs

from atoll.model import Picture

_SIZES = ("width", "height", "frames")
_NOWHERE = Picture(1, 1)


def looks_of(picture: Picture) -> str:
    """The column's value."""
    bare = structs.replace(picture, **{name: getattr(_NOWHERE, name) for name in _SIZES})
    if bare == _NOWHERE:
        return ""
    fields = msgspec.to_builtins(picture)
    return msgspec.json.encode({name: fields[name] for name in fields if name not in _SIZES}).decode()


def picture_of(width: int, height: int, frames: int, looks: str) -> Picture:
    """The picture of a row. msgspec.ValidationError if the row is none of ours."""
    if not looks:
        return Picture(width, height, frames)
    fields = {**msgspec.json.decode(looks), "width": width, "height": height, "frames": frames}
    return msgspec.convert(fields, Picture)
