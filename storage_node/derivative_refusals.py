"""A short memory of derivatives that cannot be made: each try would cost a worker its whole time again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from atoll.errors import Undecodable
from storage_node.derivative import DerivativeKey

REMEMBERED_SECONDS = 60.0
_REMEMBERED = 4096


class RefusedDerivatives:
    """`clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: OrderedDict[DerivativeKey, tuple[float, Undecodable]] = OrderedDict()

    def check(self, key: DerivativeKey) -> None:
        """The refusal again, if there was one lately."""
        until, error = self._known.get(key, (0.0, None))
        if error is not None and self._clock() < until:
            raise type(error)(error.detail, **error.facts)

    def remember(self, key: DerivativeKey, error: Undecodable) -> None:
        """This is why it could not be made."""
        self._known.pop(key, None)
        self._known[key] = (self._clock() + REMEMBERED_SECONDS, error)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
