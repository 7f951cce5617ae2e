"""The launches, durable and shared by all monitors: one sealed document, changed by compare-and-set. I/O.

A launch is in here before its provider hears of it, and of two monitors that decide the same thing at once
only one can write it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from atoll.errors import Conflict
from monitor.monitor_bucket import MonitorBucket
from monitor.scale_instances import Scaling

KEY = "scaling"
TRIES = 5


class Page(NamedTuple):
    """What was read, and the revision to replace."""

    scaling: Scaling
    revision: int | None


class ScaleBook:
    """Reads and replaces it. `BusUnavailable` without NATS."""

    def __init__(self, bucket: MonitorBucket) -> None:
        self._bucket = bucket

    async def read(self) -> Page:
        """As it stands."""
        document = await self._bucket.get(KEY)
        return Page(document.read(Scaling) or Scaling(), document.revision)

    async def write(self, scaling: Scaling, revision: int | None) -> None:
        """In the place of `revision`; `Conflict` when another monitor was faster."""
        await self._bucket.put(KEY, scaling.pruned(), revision)

    async def change(self, make: Callable[[Scaling], Scaling]) -> Scaling:
        """What `make` makes of it as it is now."""
        for _ in range(TRIES):
            page = await self.read()
            made = make(page.scaling)
            try:
                await self.write(made, page.revision)
            except Conflict:
                continue
            return made
        raise Conflict("The launches are being changed by others all the time; try again.")
