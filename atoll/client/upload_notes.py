"""What was acknowledged lately, until listings show it: a run that was killed is gone on with at once.

The catalog hears of uploads by event, under load seconds later; a run that begins before that would upload
them again. One line per upload is appended when it is acknowledged, and the file goes when a run has seen
that the catalog knows them all. Without a path nothing is noted. Blocks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from atoll.ids import now_ms
from atoll.node_api import AssetView

LATELY_MS = 600_000  # a catalog that is behind by more is in trouble, and is believed


class Note(Struct, frozen=True):
    """One acknowledged upload."""

    bucket: str
    asset_id: str
    sha256: str
    at_ms: int


class UploadNotes:
    """The notes at `path`. `clock` gives Unix milliseconds."""

    def __init__(self, path: Path | None, clock: Callable[[], int] = now_ms) -> None:
        self._path, self._clock = path, clock

    def add(self, asset: AssetView) -> None:
        """This was acknowledged now. One write, so that several commands may note in one file."""
        if self._path is None:
            return
        line = msgspec.json.encode(Note(asset.bucket, asset.asset_id, asset.sha256, self._clock())) + b"\n"
        with contextlib.suppress(OSError):  # what is not noted may be uploaded once more
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)

    def lately(self, bucket: str) -> dict[str, str]:
        """The hash of each asset that was uploaded lately, by its id."""
        if self._path is None:
            return {}
        found: dict[str, str] = {}
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            for line in file:
                with contextlib.suppress(msgspec.MsgspecError):  # cut off by a kill
                    note = msgspec.json.decode(line, type=Note)
                    if note.bucket == bucket and self._clock() - note.at_ms < LATELY_MS:
                        found[note.asset_id] = note.sha256
        return found

    def clear(self) -> None:
        """The catalog knows them."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
