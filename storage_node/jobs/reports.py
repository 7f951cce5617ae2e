"""What came of tasks, into the node's outbox: durable here before the queue may forget the task."""

from __future__ import annotations

import asyncio
import sqlite3

from atoll.events import JobTask
from atoll.jobs import TaskOutcome
from storage_node.index import Index
from storage_node.index_rows import put_event
from storage_node.origin import Origin


class Reports:
    """Called by attempts."""

    def __init__(self, index: Index, origin: Origin) -> None:
        self._index, self._origin = index, origin

    async def tell(self, outcome: TaskOutcome) -> None:
        """Return when the outcome is durable; the outbox publishes it. `StoreFailed`, `NoSpace`."""
        event = JobTask(**self._origin.stamp(self._origin.now_ms()), outcome=outcome)

        def operation(db: sqlite3.Connection) -> None:
            put_event(db, event)

        await asyncio.wrap_future(self._index.write(operation))
