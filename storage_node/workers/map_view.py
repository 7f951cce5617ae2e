"""The cluster map in a worker: as home last said it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from atoll.cluster import ClusterMap


class FollowedMap:
    """`current` is swapped whole; listeners hear of it before home has its answer."""

    def __init__(self, first: ClusterMap) -> None:
        self.current = first
        self._listeners: list[Callable[[ClusterMap], None]] = []
        self._changed = asyncio.Event()

    def on_change(self, listener: Callable[[ClusterMap], None]) -> None:
        """Call `listener` with every new map."""
        self._listeners.append(listener)

    def take(self, cluster: ClusterMap) -> None:
        """Home has a new one."""
        self.current = cluster
        for listener in self._listeners:
            listener(cluster)
        self._changed.set()

    async def wait_for(self, predicate: Callable[[ClusterMap], bool]) -> ClusterMap:
        """The first map, from now on, that satisfies `predicate`."""
        while not predicate(self.current):
            self._changed.clear()
            await self._changed.wait()
        return self.current
