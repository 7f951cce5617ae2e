"""A picture without its metadata, the pixels untouched: what buckets with `metadata: strip` keep.

Where metadata lie in parts of their own they are left out (JPEG, PNG, WebP, GIF); EXIF comes back with the
one tag that says how the picture is turned. BMP has none. AVIF and HEIC refer to their parts by position, so
what is in them is blanked where it lies, and a file where that is not certain is refused; so is every TIFF,
whose pictures and metadata are one directory.
`Unstrippable` names the policy and what to do. The caller proves that the pixels are the same (ingest.py).
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path

from atoll.errors import Unstrippable
from storage_node.inspection_protocol import Inspection
from storage_node.outline_parts import Buffer
from storage_node.sniff import ImageType
from storage_node.strip_boxes import Entangled, boxed_pieces
from storage_node.strip_chunks import gif_pieces, png_pieces, webp_pieces
from storage_node.strip_jpeg import jpeg_pieces

_PIECES: dict[str, Callable[[Buffer, int], Iterator[bytes]]] = {
    "jpg": jpeg_pieces,
    "png": png_pieces,
    "webp": webp_pieces,
    "gif": gif_pieces,
}
_UNTOUCHED = frozenset({"bmp"})
_BOXES = frozenset({"avif", "heic"})
# How boxes and items with metadata are called (ISO/IEC 14496-12, 23008-12). One that only looks like a name
# within a picture's data is outside the boxes that are looked at.
_BOXED = (b"Exif", b"mime", b"uri ", b"udta", b"uuid", b"XMP_", b"meta")
_OUTER = frozenset({b"meta", b"moov", b"moof", b"udta", b"uuid"})


def pieces_of(path: Path, kind: ImageType, orientation: int) -> Iterator[bytes]:
    """The bytes to keep of the file at `path`, one piece after another. `Unstrippable`."""
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield from _pieces(data, kind, orientation)


def check_same_picture(came: Inspection, kept: Inspection, kind: ImageType) -> None:
    """`Unstrippable` unless a decoder sees the same in both: better no picture than another one."""
    if _looks(came) != _looks(kept):
        raise Unstrippable(
            f"Without its metadata this {kind.name} would look different. Take them out before the upload.",
            policy="metadata=strip",
            format=kind.extension,
        )


def _looks(seen: Inspection) -> tuple[object, ...]:
    shape = (seen.width, seen.height, seen.frames, seen.animated, seen.mode, seen.orientation)
    return (*shape, seen.thumbhash, seen.blurhash, seen.color)


def _pieces(data: Buffer, kind: ImageType, orientation: int) -> Iterator[bytes]:
    if kind.extension in _PIECES:
        return _PIECES[kind.extension](data, orientation)
    if kind.extension in _UNTOUCHED or (kind.extension in _BOXES and not has_boxed_metadata(data)):
        return iter((data[:],))
    if kind.extension in _BOXES:
        with contextlib.suppress(Entangled):
            return boxed_pieces(data)
    raise Unstrippable(
        f"This bucket keeps no metadata, and those of this {kind.name} cannot be taken out without touching"
        " its pixels. Take them out first, or upload it as JPEG, PNG or WebP.",
        policy="metadata=strip",
        format=kind.extension,
    )


def has_boxed_metadata(data: Buffer) -> bool:
    """Whether an AVIF or HEIC says that it has EXIF, XMP or other such items. A box that makes no sense
    counts as one."""
    where = 0
    while where + 8 <= len(data):
        size, kind = int.from_bytes(data[where : where + 4], "big"), data[where + 4 : where + 8]
        head = 16 if size == 1 else 8
        size = int.from_bytes(data[where + 8 : where + 16], "big") if size == 1 else size or len(data) - where
        if size < head or where + size > len(data):
            return True
        if kind in _OUTER and (kind in {b"udta", b"uuid"} or _names(data[where + head : where + size])):
            return True
        where += size
    return where != len(data)


def _names(box: bytes) -> bool:
    return any(name in box for name in _BOXED)
