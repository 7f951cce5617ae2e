"""Ending tasks for certain. Used by whoever owns tasks: daemons (lifecycle.py), races (hedging.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_CANCEL_SECONDS = 0.2


async def cancel_and_wait(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` until all have ended, whatever they ended with.

    Again and again: before Python 3.12, asyncio.wait_for (ours or a driver's) forgets that it was
    cancelled when what it waits for is done at the same moment (cpython issue 86296).
    """
    ending = {task for task in tasks if not task.done()}
    while ending:
        for task in ending:
            task.cancel()
        _, ending = await asyncio.wait(ending, timeout=_CANCEL_SECONDS)
