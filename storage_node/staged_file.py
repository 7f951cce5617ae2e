"""A file on its way into the store of disk_store.py: written, fsynced, and renamed or thrown away."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from storage_node.disk_errors import ours


def sync_file(descriptor: int) -> None:
    """Make a file's bytes and its length durable."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync on macOS stops at the drive's cache
    else:
        os.fdatasync(descriptor)  # size changes are included; only times are not


class StagedFile:
    """A file in incoming/, owned by one upload or pull."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with ours:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        with ours:
            while view:
                view = view[os.write(self._descriptor, view) :]

    def sync(self) -> None:
        with ours:
            sync_file(self._descriptor)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def discard(self) -> None:
        if self._descriptor >= 0:
            self.close()
            self.path.unlink(missing_ok=True)
