"""Derivatives in the RAM cache: under which key, with which blobs, for how long. On the loop's thread."""

from __future__ import annotations

import time

from storage_node.delivery import OTHER_SETS_SECONDS
from storage_node.derivative_making import Made
from storage_node.derivative_resolution import Wanted
from storage_node.ram_cache import Entry, RamCache


class DerivativeMemory:
    """`own_set`: other sets' deletes are not announced here, so what is of them leaves by time."""

    def __init__(self, ram: RamCache, own_set: str) -> None:
        self._ram, self._own_set = ram, own_set

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
            expires_at=self._expiry(wanted),
            derivative=made.derivative,
        )
        return entry if self._ram.put(entry, seen_drops) else None

    def _expiry(self, wanted: Wanted) -> float | None:
        sets = {wanted.address.handle.set, *(layer.address.handle.set for layer in wanted.layers)}
        return None if sets == {self._own_set} else time.monotonic() + OTHER_SETS_SECONDS


def _path(wanted: Wanted) -> str:
    """No URL path begins so."""
    return "~" + "/".join(wanted.key)
