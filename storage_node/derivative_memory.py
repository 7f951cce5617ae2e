"""Derivatives in the RAM cache: under which key, with which blobs, for how long. On the loop's thread."""

from __future__ import annotations

import time

from storage_node.delivery import BORROWED_SECONDS
from storage_node.derivative_making import Made
from storage_node.derivative_resolution import Wanted
from storage_node.ram_cache import Entry, RamCache


class DerivativeMemory:
    """All leave by time as well: what this node made of a blob that it does not hold, no delete drops."""

    def __init__(self, ram: RamCache) -> None:
        self._ram = ram

    @property
    def seen_drops(self) -> int:
        """What `remember` wants to know from the time before the derivative was looked for."""
        return self._ram.drops

    def get(self, wanted: Wanted) -> Entry | None:
        """Its entry; counts as a use."""
        return self._ram.get(_path(wanted))

    def remember(self, wanted: Wanted, made: Made, seen_drops: int) -> Entry | None:
        """The new entry, or None when it may not be kept."""
        hashes = (wanted.key.sha256, *wanted.layer_hashes)
        entry = Entry(
            _path(wanted),
            tuple(dict.fromkeys((wanted.key.bucket, sha256) for sha256 in hashes)),
            made.body,
            b"",
            public=False,
            expires_at=time.monotonic() + BORROWED_SECONDS,
            derivative=made.derivative,
        )
        return entry if self._ram.put(entry, seen_drops) else None


def _path(wanted: Wanted) -> str:
    """No URL path begins so."""
    return "~" + "/".join(wanted.key)
