"""`render`: transformations of images, made before anybody asks for them.

What exists already costs a look. Repeating it after a crash goes on where it stopped.
"""

from __future__ import annotations

from atoll.errors import AtollError, Rejected
from atoll.jobs import JobItem, RenderWork, Task
from atoll.names import parse_handle
from storage_node.eager import Render
from storage_node.jobs.handler import Progress


class RenderJob:
    """`prepare` makes one derivative, as for the eager queue."""

    def __init__(self, prepare: Render) -> None:
        self._prepare = prepare

    async def run(self, task: Task, progress: Progress) -> None:
        """One image after the other; an item is done when all its transformations are."""
        work = task.work
        assert isinstance(work, RenderWork)
        for item in work.items:
            if (error := await self._item(work, item)) is None:
                progress.did()
            else:
                progress.refused(item.public_id, error)

    async def _item(self, work: RenderWork, item: JobItem) -> AtollError | None:
        """Why it cannot be done. Raises what may go better later."""
        for text in work.transformations:
            try:
                await self._prepare(work.bucket, text, parse_handle(item.handle))
            except Rejected as error:
                if error.retry_safe:
                    raise
                return error
        return None
