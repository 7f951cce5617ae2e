"""The smallest EXIF there is: how the picture is to be turned, and nothing else. Pure."""

from __future__ import annotations

import struct


def orientation_exif(orientation: int) -> bytes:
    """A TIFF header and one directory with the tag Orientation (0x0112, a SHORT)."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    return struct.pack(">2sHIH", b"MM", 42, 8, 1) + entry + struct.pack(">I", 0)
