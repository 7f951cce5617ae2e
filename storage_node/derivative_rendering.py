"""The rendering workers as delivery uses them: started when the first derivative is ordered, not before.

A node that only stores and serves pays neither their memory nor their start. Owns the renderer: whoever comes
first starts it, the others wait with him, and a start that failed is tried again by the next. Called by
`derivative_making` and `derivative_background`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from storage_node.render_protocol import Rendered
from storage_node.renderer import Order, Renderer


class Rendering:
    """`build` makes a renderer that is not started yet, with `workers` workers."""

    def __init__(self, build: Callable[[], Renderer], workers: int) -> None:
        self._build, self._workers = build, workers
        self._starting: asyncio.Task[Renderer] | None = None
        self._spare = asyncio.Event()
        self._spare.set()
        self._under_way = 0

    async def render(self, order: Order) -> Rendered:
        """The facts of the file that was made; errors as of `PendingRender`, and `TooManyRequests`."""
        renderer = await self._started()
        pending = renderer.begin(order)
        self._count(1)
        try:
            return await pending.wait()
        finally:
            self._count(-1)

    async def spare(self) -> None:
        """Wait until a worker has nothing to do."""
        await self._spare.wait()

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the workers that live now."""
        task = self._starting
        return task.result().pool.worker_pids() if _has_succeeded(task) and task else frozenset()

    async def close(self) -> None:
        """End the workers, if there are any."""
        task, self._starting = self._starting, None
        if task is not None:
            await asyncio.wait({task})
            if _has_succeeded(task):
                await asyncio.to_thread(task.result().close)

    async def _started(self) -> Renderer:
        task = self._starting
        if task is None or (task.done() and not _has_succeeded(task)):
            task = self._starting = asyncio.create_task(self._start(), name="start of the renderer")
        return await asyncio.shield(task)

    async def _start(self) -> Renderer:
        renderer = self._build()
        await asyncio.to_thread(renderer.start)
        return renderer

    def _count(self, change: int) -> None:
        self._under_way += change
        if self._under_way < self._workers:
            self._spare.set()
        else:
            self._spare.clear()


def _has_succeeded(task: asyncio.Task[Renderer] | None) -> bool:
    return task is not None and task.done() and not task.cancelled() and task.exception() is None
