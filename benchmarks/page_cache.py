"""Makes the system forget the cached pages of a file, so that the next reader reads from the disk."""

from __future__ import annotations

import os
from pathlib import Path


def forget(path: Path) -> None:
    """Where the system can be told so (not macOS)."""
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # a page that is not written yet cannot be let go
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
