"""Ending a background task that its owner no longer wants."""

from __future__ import annotations

import asyncio
import logging

log = logging.getLogger(__name__)


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel it and return once it has ended; a defect it died of before is logged, not hidden.

    Waits instead of awaiting it: its CancelledError must not be mistaken for one meant for the caller.
    """
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()):
        log.error("%s had failed", task.get_name(), exc_info=error)
