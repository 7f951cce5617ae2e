"""Used tickets are forgotten once they can be replayed no more."""

from __future__ import annotations

import asyncio
import logging

from atoll.errors import Failed
from storage_node.index import Index
from storage_node.index_ops import forget_expired_tickets
from storage_node.origin import Origin

log = logging.getLogger(__name__)

_EVERY_SECONDS = 3600.0


async def sweep_tickets(index: Index, origin: Origin) -> None:
    """At the start and every hour, for ever."""
    while True:
        try:
            await asyncio.wrap_future(index.write(forget_expired_tickets(origin.now_ms())))
        except Failed as error:  # a full disk, say: the node goes on, read-only
            log.warning("expired tickets were not forgotten: %s", error.detail)
        await asyncio.sleep(_EVERY_SECONDS)
