"""A bounded number of workers over one sequence of items."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


async def each(items: Iterable[T], parallel: int, work: Callable[[T], Awaitable[None]]) -> None:
    """Await `work` for every item, `parallel` at a time; the first error ends all, and is raised."""
    waiting = iter(items)
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(max(1, parallel)):
                group.create_task(_worker(waiting, work), name=f"worker {number}")
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def _worker(waiting: Iterator[T], work: Callable[[T], Awaitable[None]]) -> None:
    for item in waiting:
        await work(item)
