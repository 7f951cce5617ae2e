"""Reading a file from the disk itself, and leaving the page cache as it was found. Blocking.

The page cache is what makes reads of warm blobs fast; a scrubber that read through it would push all of
them out once a week, and would check memory instead of the disk wherever it met one. So: note which
pieces are in the cache (`RWF_NOWAIT` reads only what is), drop the file's pages (they are clean: blobs
are fsynced), read from the disk, and drop again the pieces that were not there. Direct I/O would do the
same in one step, but not on every file system. Where the system offers none of this (macOS), it is a
plain read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

PIECE_BYTES = 2**20


def cold_pieces(path: str, piece: int = PIECE_BYTES) -> Iterator[bytes]:
    """The file's bytes in pieces, nothing when there is no such file. Raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        size = os.fstat(descriptor).st_size
        warm = [_is_cached(descriptor, start) for start in range(0, size, piece)]
        _drop(descriptor, 0, 0)
        for number, start in enumerate(range(0, size, piece)):
            data = os.pread(descriptor, piece, start)
            if not (number < len(warm) and warm[number]):
                _drop(descriptor, start, piece)
            if not data:
                return  # cut short while it was read
            yield data
    finally:
        os.close(descriptor)


def _is_cached(descriptor: int, start: int) -> bool:
    """Whether the byte at `start` is in the page cache; False where nobody can say."""
    if not hasattr(os, "RWF_NOWAIT"):
        return False
    try:
        return os.preadv(descriptor, [bytearray(1)], start, os.RWF_NOWAIT) == 1
    except OSError:  # EAGAIN: it is not; EOPNOTSUPP: this file system does not tell
        return False


def _drop(descriptor: int, start: int, length: int) -> None:
    """Let go of cached pages; length 0 means: to the end."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_DONTNEED)
