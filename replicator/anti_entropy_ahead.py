"""One piece of work behind the walk: while it is carried out, the walk looks for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any


class OneBehind:
    """As a context: leaving it well waits for what is under way, leaving it with an error ends that."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin, once what was begun before has ended. Raises what that raised."""
        await self._ended()
        self._task = asyncio.create_task(work(), name="mending behind the walk")

    async def _ended(self) -> None:
        if self._task is not None:
            await self._task
            self._task = None

    async def __aenter__(self) -> OneBehind:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._ended()
        elif self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
