"""The ordered end: fetch no more, let orders under way finish, give back the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable

from replicator.held import Held
from replicator.regions import Regions
from replicator.window import Window

log = logging.getLogger(__name__)


async def end_in_order(
    regions: Regions,
    windows: Iterable[Window],
    working: Collection[asyncio.Task[None]],
    held: Held,
    drain_seconds: float,
) -> None:
    """Return when no message is in our hands any more; NATS delivers what was given back to the next start.

    An order that is still under way after `drain_seconds` is abandoned: the node may finish it by itself,
    and ordering it again is harmless.
    """
    for window in windows:
        window.close()
    regions_end = asyncio.create_task(regions.stop(), name="end of reading")
    _, late = await asyncio.wait(working, timeout=drain_seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, regions_end, return_exceptions=True)
    log.info("ending: %d orders abandoned, %d messages given back", len(late), len(held))
    await held.give_back()
