"""Which blobs left lately, so that what was being made of one of them meanwhile is not kept. Pure.

Numbers instead of a lock around the rendering: whoever makes a derivative notes the number of drops before he
looks for source and layers, and hands it in with the result. Remembers so many drops; who began before
the oldest of them is refused without a look. Not thread-safe: its owner has a lock.
"""

from __future__ import annotations

_REMEMBERED = 10_000


class DropLog:
    """`count`: drops so far."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._last: dict[tuple[str, str], int] = {}  # the oldest first
        self._forgotten = 0  # all drops with numbers up to this one may have been forgotten
        self.count = 0

    def note(self, bucket: str, sha256: str) -> None:
        """This blob leaves now."""
        self.count += 1
        self._last.pop((bucket, sha256), None)
        self._last[bucket, sha256] = self.count
        if len(self._last) > self._remembered:
            self._forgotten = self._last.pop(next(iter(self._last)))

    def any_since(self, seen: int, blobs: frozenset[tuple[str, str]]) -> bool:
        """Whether one of `blobs` left after the drop number `seen`, or it cannot be told any more."""
        return seen < self._forgotten or any(self._last.get(blob, 0) > seen for blob in blobs)
