"""A short memory of blobs that no node has, so that a storm of requests for one is not a storm on the peers.

Nothing negative is cached longer than it takes a storm to pass: the image may be uploaded any moment.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from atoll.errors import NotFound
from storage_node.blob_address import BlobAddress

REMEMBERED_SECONDS = 1.0
_REMEMBERED = 10_000


class Misses:
    """`clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: OrderedDict[BlobAddress, float] = OrderedDict()

    def check(self, address: BlobAddress) -> None:
        """`NotFound` if all peers said a moment ago that they lack the blob."""
        until = self._until.get(address)
        if until is not None and self._clock() < until:
            raise NotFound("No node has this image.")

    def remember(self, address: BlobAddress) -> None:
        """All peers lack it now."""
        self._until.pop(address, None)
        self._until[address] = self._clock() + REMEMBERED_SECONDS
        while len(self._until) > _REMEMBERED:
            self._until.popitem(last=False)
