"""Reading a file from the disk itself, and leaving the page cache as it was found. Blocking.

The page cache is what makes reads of warm blobs fast; a scrubber that read through it would push all of
them out once a week, and would check memory instead of the disk wherever it met one. So: note which
pieces are in the cache (`mincore`; to read with `RWF_NOWAIT` tells it too, but a miss has some kernels read
ahead), drop the file's pages (they are clean: blobs are fsynced), read from the disk, and drop again the
pieces that were not there. Direct I/O would do the same in one step, but not on every file system. Where the
system offers none of this (macOS), it is a plain read.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator

PIECE_BYTES = 2**20

_libc = ctypes.CDLL(None)


def cold_pieces(path: str, piece: int = PIECE_BYTES) -> Iterator[bytes]:
    """The file's bytes in pieces, nothing when there is no such file. Raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        size = os.fstat(descriptor).st_size
        warm = cached(descriptor, size, piece)
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


def cached(descriptor: int, size: int, piece: int = PIECE_BYTES) -> list[bool]:
    """Of each `piece` of the file's first `size` bytes, whether its first page is in the page cache.

    False where nobody can say. The kernel tells it to the file's owner (mincore(2)).
    """
    nobody = [False] * -(-size // piece)
    if not nobody or not hasattr(os, "posix_fadvise"):
        return nobody
    pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
    try:
        mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
    except (OSError, ValueError):  # a file system without maps; a file that was cut short meanwhile
        return nobody
    with mapped:  # no page of it is touched
        first = ctypes.c_char.from_buffer(mapped)
        refused = _libc.mincore(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(size), pages)
        del first  # a map that is pointed into cannot be closed
    if refused:
        return nobody
    return [bool(pages[start // mmap.PAGESIZE] & 1) for start in range(0, size, piece)]


def _drop(descriptor: int, start: int, length: int) -> None:
    """Let go of cached pages; length 0 means: to the end."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_DONTNEED)
