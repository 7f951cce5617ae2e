"""Resumable uploads whose time is over are removed. Called by `tus_side`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from atoll.errors import Failed
from storage_node.tus_book import TusBook

log = logging.getLogger(__name__)


async def sweep_once(book: TusBook, forget: Callable[[str], Awaitable[None]], now: int) -> None:
    """Remove what is due at `now` (Unix milliseconds) and nobody is at when its turn comes."""
    for upload_id in book.due(now):
        if book.is_busy(upload_id):  # a request came while others were removed
            continue
        with book.locked(upload_id):
            try:
                await forget(upload_id)
            except Failed as error:  # the disk: the next round tries again
                log.warning("an expired upload was not removed: %s", error.detail)
