"""`parse`, remembered: thousands of pictures are asked for under the same few transformations.

Only short texts, and few: what strangers send must not fill the memory. Refusals are not remembered.
"""

from __future__ import annotations

from atoll.transformation.limits import Limits
from atoll.transformation.parser import parse
from atoll.transformation.steps import Transformation

_REMEMBERED = 512
_LONGEST = 256  # characters


class ParseMemo:
    """On one thread."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._known: dict[tuple[str, Limits], Transformation] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __call__(self, text: str, limits: Limits) -> Transformation:
        """As `parse`."""
        if len(text) > _LONGEST:
            return parse(text, limits)
        known = self._known.get((text, limits))
        if known is None:
            known = parse(text, limits)
            if len(self._known) >= self._most:
                self._known.pop(next(iter(self._known)))  # the oldest: noise pushes noise out
            self._known[text, limits] = known
        return known
