"""A short memory of blobs that could not be had, so that a storm of requests is not a storm on the peers.

Nothing negative is cached longer than it takes a storm to pass: the image may be uploaded any moment.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from atoll.errors import AtollError
from storage_node.blob_address import BlobAddress

REMEMBERED_SECONDS = 1.0
_REMEMBERED = 10_000


class Misses:
    """`clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: OrderedDict[BlobAddress, tuple[float, AtollError]] = OrderedDict()

    def check(self, address: BlobAddress) -> None:
        """The error again with which the peers answered a moment ago."""
        until, error = self._failed.get(address, (0.0, None))
        if error is not None and self._clock() < until:
            raise type(error)(error.detail, **error.facts)

    def remember(self, address: BlobAddress, error: AtollError) -> None:
        """This is what came of asking the peers now."""
        self._failed.pop(address, None)
        self._failed[address] = (self._clock() + REMEMBERED_SECONDS, error)
        while len(self._failed) > _REMEMBERED:
            self._failed.popitem(last=False)
