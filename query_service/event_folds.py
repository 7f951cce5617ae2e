"""All that is made of events: the catalog, jobs, and webhooks to be sent. Put together for the indexer, which
acknowledges an event only when everything here has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from atoll.events import AnyEvent, Event, JobEvent
from query_service.catalog import Catalog
from query_service.catalog_fold import DocumentName
from query_service.catalog_writer import Applied
from query_service.hook_messages import job_message, message_of
from query_service.hook_store import HookStore
from query_service.job_documents import job_of
from query_service.job_store import COLLECTION, JobStore


class EventFolds:
    """Idempotent as a whole: repeated after any error, it comes to the same."""

    def __init__(self, catalog: Catalog, jobs: JobStore, hooks: HookStore, now_ms: Callable[[], int]) -> None:
        self._catalog, self._jobs, self._hooks, self._now_ms = catalog, jobs, hooks, now_ms

    async def ping(self) -> None:
        """Return when MongoDB answers."""
        await self._catalog.ping()

    async def apply(self, events: Sequence[AnyEvent]) -> Applied:
        """Fold a batch in; see `Catalog.apply`."""
        of_assets = [event for event in events if not isinstance(event, JobEvent)]
        of_jobs = [event for event in events if isinstance(event, JobEvent)]
        applied = await self._catalog.apply(of_assets) if of_assets else Applied(frozenset())
        refused: dict[DocumentName, str] = {}
        touched = await self._jobs.apply(of_jobs, refused)
        # Webhooks last: whoever is told of something finds it.
        await self._queue_hooks(of_assets, touched)
        more = tuple(
            (event, reason) for event in of_jobs if (reason := refused.get((COLLECTION, job_of(event))))
        )
        return Applied(applied.changed, (*applied.refused, *more), applied.came)

    async def _queue_hooks(self, events: Sequence[Event], jobs: set[str]) -> None:
        messages = [message for event in events if (message := message_of(event))]
        if jobs:
            ended = await self._jobs.get_many(jobs)
            messages += [message for document in ended if (message := job_message(document))]
        await self._hooks.queue(messages, self._now_ms())
