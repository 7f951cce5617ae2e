"""Ending work that nobody wants any more: a background task, or a start that Ctrl-C overtakes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from atoll.lifecycle import Stop

T = TypeVar("T")

INTERRUPTED = 130  # exit code of a command that Ctrl-C ended before its work was done

log = logging.getLogger(__name__)


async def end_task(task: asyncio.Task[Any]) -> None:
    """Cancel it and return once it has ended; a defect it died of before is logged, not hidden.

    Waits instead of awaiting it: its CancelledError must not be mistaken for one meant for the caller.
    """
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()):
        log.error("%s had failed", task.get_name(), exc_info=error)


class StoppedFirst(Exception):
    """The stop came before the work was done; the work has been unwound."""


async def unless_stopped(stop: Stop, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled and unwound when `stop` comes first (`StoppedFirst`)."""
    task = asyncio.create_task(work, name="work that a stop ends")
    ending = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({task, ending}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise StoppedFirst
    finally:
        await end_task(ending)
        if not task.done():
            await end_task(task)
