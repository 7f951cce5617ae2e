"""Writing an entry of the cluster map on a caller's behalf, and waiting until this instance has it too.

So that whoever was answered may act upon it here at once. Called by keys_api.py and signing_keys_api.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from atoll.cluster import ClusterMap, E
from atoll.cluster_map import LiveClusterMap

_SEEN_SECONDS = 2.0

Find = Callable[[ClusterMap], object]


async def make_entry(live: LiveClusterMap, entry: E, find: Find) -> E:
    """`entry` as a new one; `Conflict` when its name is taken. `find` looks it up in a map."""
    await live.put(entry, only_if_absent=True)
    return await _seen(live, entry, find)


async def change_entry(live: LiveClusterMap, entry: E, make: Callable[[E], E], find: Find) -> E:
    """What `make` makes of it as it is now; `Conflict` when somebody else changes it at the same moment."""
    return await _seen(live, await live.change(entry, make), find)


async def _seen(live: LiveClusterMap, entry: E, find: Find) -> E:
    try:
        async with asyncio.timeout(_SEEN_SECONDS):
            await live.wait_for(lambda cluster: find(cluster) == entry)
    except TimeoutError:
        return entry  # it is written; another change or a slow NATS only hides it for now
    return entry
