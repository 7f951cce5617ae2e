"""What an export's archive holds, written into the archive itself: so that an erasure finds it. Blocks.

The archive's comment is its bucket, each entry's the SHA-256 of the blob. In memory a blob is the first eight
bytes of that: a node may keep a thousand archives of a thousand images.
"""

from __future__ import annotations

import zipfile
from array import array
from collections.abc import Iterable
from pathlib import Path


class Contents:
    """Of one archive. `bucket` None: nobody knows, so anything may be in it."""

    def __init__(self, bucket: str | None, blobs: Iterable[str] = ()) -> None:
        self._bucket, self._blobs = bucket, array("Q", map(_short, blobs))

    def have(self, bucket: str, sha256: str | None) -> bool:
        """Whether this blob is in it; without one, whether it is of the bucket at all."""
        if self._bucket is None:
            return True
        return self._bucket == bucket and (sha256 is None or _short(sha256) in self._blobs)


def _short(sha256: str) -> int:
    return int(sha256[:16], 16)


def add(archive: zipfile.ZipFile, path: Path, entry: str, sha256: str) -> None:
    """Copy a blob's file into the archive."""
    archive.write(path, entry)
    archive.getinfo(entry).comment = sha256.encode()


def contents_of(path: Path) -> Contents:
    """Of a whole archive; of what is none, or is not there (any more), nothing is known."""
    try:
        with zipfile.ZipFile(path) as archive:
            blobs = [entry.comment.decode() for entry in archive.infolist()]
            return Contents(archive.comment.decode(), blobs)
    except (FileNotFoundError, zipfile.BadZipFile, ValueError):
        return Contents(None)
