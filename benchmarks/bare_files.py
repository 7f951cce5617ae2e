"""What invariant 1 costs at the least: write, fdatasync, rename, fsync the directories; nothing else."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from atoll.atomic_file import fsync_directory
from benchmarks.pictures import Picture

THREADS = 16


class BareLoop:
    """Files below `root`, two levels of directories down, as a node's are; any thread may write."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = str(root)
        self._there: set[str] = set()

    def write_all(self, pictures: Sequence[Picture], *, decode: bool = False) -> float:
        """Files a second, from 16 threads."""
        one = self.decode_and_write if decode else self.write
        with ThreadPoolExecutor(THREADS) as threads:
            began = time.perf_counter()
            for _ in threads.map(one, pictures):
                pass
            return len(pictures) / (time.perf_counter() - began)

    def decode_and_write(self, picture: Picture) -> None:
        """Every byte of it is also read by its decoder, at an eighth of its size and in grey."""
        with Image.open(io.BytesIO(picture.body), formats=["JPEG"]) as image:
            image.draft("L", (1, 1))
            image.load()  # without the GIL
        self.write(picture)

    def write(self, picture: Picture) -> None:
        """Durable afterwards, under its name and in its directory."""
        draft = f"{self._root}/{picture.sha256}.part"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        os.write(descriptor, picture.body)
        os.fdatasync(descriptor)
        os.close(descriptor)
        directory = f"{self._root}/{picture.directory}"
        self._make(os.path.dirname(directory))
        self._make(directory)
        os.rename(draft, f"{directory}/{picture.sha256}.jpg")
        fsync_directory(directory)

    def _make(self, directory: str) -> None:
        """Make it, and its name durable. What is there already has been made so, or is just being."""
        if directory in self._there:
            return
        try:
            os.mkdir(directory)
            fsync_directory(os.path.dirname(directory))
        except FileExistsError:
            pass
        self._there.add(directory)
