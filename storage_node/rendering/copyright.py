"""Who made a picture and whose it is: the only metadata a derivative may carry, and only when asked to.

Read from EXIF (Copyright, Artist) or, where that says nothing, from IPTC (copyright notice, by-line), and
written anew as EXIF with nothing else in it: no place, no camera, no maker's notes. Called by `job`.
"""

from __future__ import annotations

from PIL import Image, ImageFile, IptcImagePlugin

_ARTIST, _COPYRIGHT = 0x013B, 0x8298  # EXIF tags
_IPTC_OF = {_ARTIST: (2, 80), _COPYRIGHT: (2, 116)}
_MOST_BYTES = 500


def copyright_of(image: ImageFile.ImageFile) -> bytes | None:
    """EXIF bytes with what the source says of its rights; None when it says nothing."""
    said = {tag: text for tag in (_ARTIST, _COPYRIGHT) if (text := _exif(image, tag) or _iptc(image, tag))}
    if not said:
        return None
    exif = Image.Exif()
    for tag, text in said.items():
        exif[tag] = text
    return exif.tobytes()


def _exif(image: ImageFile.ImageFile, tag: int) -> bytes:
    try:
        value = image.getexif().get(tag)
    except Exception:  # noqa: BLE001 - hostile metadata makes its parser raise anything at all
        return b""
    return _clean(value.encode("latin-1", "replace")) if isinstance(value, str) else b""


def _iptc(image: ImageFile.ImageFile, tag: int) -> bytes:
    try:
        found = (IptcImagePlugin.getiptcinfo(image) or {}).get(_IPTC_OF[tag])
    except Exception:  # noqa: BLE001 - the same
        return b""
    first = found[0] if isinstance(found, list) and found else found
    return _clean(first) if isinstance(first, bytes) else b""


def _clean(text: bytes) -> bytes:
    """Without control characters. Bytes, because nobody says in which encoding they are: mostly UTF-8."""
    return text.translate(None, bytes(range(32)) + b"\x7f")[:_MOST_BYTES].strip()
