"""All that is made of events: the catalog, and jobs. Put together for the indexer, which acknowledges an
event only when everything here has it.
"""

from __future__ import annotations

from collections.abc import Sequence

from atoll.events import AnyEvent, JobEvent
from query_service.catalog import Catalog
from query_service.catalog_fold import DocumentName
from query_service.catalog_writer import Applied
from query_service.job_documents import job_of
from query_service.job_store import COLLECTION, JobStore


class EventFolds:
    """Idempotent as a whole: repeated after any error, it comes to the same."""

    def __init__(self, catalog: Catalog, jobs: JobStore) -> None:
        self._catalog, self._jobs = catalog, jobs

    async def ping(self) -> None:
        """Return when MongoDB answers."""
        await self._catalog.ping()

    async def apply(self, events: Sequence[AnyEvent]) -> Applied:
        """Fold a batch in; see `Catalog.apply`."""
        of_assets = [event for event in events if not isinstance(event, JobEvent)]
        of_jobs = [event for event in events if isinstance(event, JobEvent)]
        applied = await self._catalog.apply(of_assets) if of_assets else Applied(frozenset())
        refused: dict[DocumentName, str] = {}
        await self._jobs.apply(of_jobs, refused)
        more = tuple(
            (event, reason) for event in of_jobs if (reason := refused.get((COLLECTION, job_of(event))))
        )
        return Applied(applied.changed, (*applied.refused, *more))
