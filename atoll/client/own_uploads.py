"""Reading one's own uploads: an acknowledged asset is durable at once, but the catalog learns of it by event.

For the moment in between a "there is no such asset", or an answer about the bytes that the name had before,
is only not true yet: the question is repeated. Owns the memory of what this client uploaded a moment ago
(bounded in number and time); somebody else's upload, and one of longer ago, are believed as answered.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from atoll.backoff import Backoff
from atoll.client.query import Sleep
from atoll.client.views import Locations, Resolved
from atoll.errors import NotFound
from atoll.node_api import AssetView

T = TypeVar("T")

REMEMBERED = 10_000
AWAITED_SECONDS = 5.0  # the catalog is behind by milliseconds; one that is behind by this is in trouble
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


class _Upload(NamedTuple):
    version: str
    sha256: str
    until: float


class OwnUploads:
    """The assets that this client has uploaded lately. `clock` gives monotonic seconds."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        rng: random.Random | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._clock, self._rng, self._sleep = clock, rng, sleep
        self._lately: OrderedDict[str, _Upload] = OrderedDict()

    def uploaded(self, asset: AssetView) -> None:
        """This asset was acknowledged now."""
        known = self._lately.get(asset.asset_id)
        if known is not None and known.version > asset.version:
            return  # of two uploads at once to one name this one was overtaken
        self._lately[asset.asset_id] = _Upload(asset.version, asset.sha256, self._clock() + AWAITED_SECONDS)
        self._lately.move_to_end(asset.asset_id)
        if len(self._lately) > REMEMBERED:
            self._lately.popitem(last=False)

    def forget(self, asset_id: str) -> None:
        """It was deleted, or the catalog has it: what is answered is the truth."""
        self._lately.pop(asset_id, None)

    async def known(self, asset_id: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to a question about one asset, asked again while it does not know our upload."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE, self._rng)
        while True:
            try:
                answer = await ask()
            except NotFound as absent:
                if not self.doubts(asset_id, absent):
                    raise
            else:
                if not self.doubts(asset_id, answer):
                    return answer
            await self._sleep(backoff.next())

    def lacked_by(self, asset_id: str, versions: Sequence[AssetView]) -> bool:
        """Whether the newest versions of an asset are from before our upload."""
        own = self._lately.get(asset_id)
        if own is None or self._clock() >= own.until:
            return False
        return all(own.version != v.version and own.sha256 != v.sha256 for v in versions)

    def doubts(self, asset_id: str, answer: object) -> bool:
        """Whether this answer (or `NotFound`) is from before our upload."""
        own = self._lately.get(asset_id)
        if own is None or self._clock() >= own.until:
            return False
        if isinstance(answer, NotFound):
            return True
        if isinstance(answer, (AssetView, Locations)) and answer.version < own.version:
            return True
        if isinstance(answer, Resolved) and answer.sha256 != own.sha256:
            return True
        if isinstance(answer, (AssetView, Locations, Resolved)):
            self.forget(asset_id)
        return False
