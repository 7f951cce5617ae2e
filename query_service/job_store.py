"""Jobs in MongoDB: written by events and by those who order them, read by the API. I/O.

An index, as the rest of the catalog: a job that MongoDB forgot is done all the same, only nobody can
watch it. Swept `keep_ms` after the job was made. Raises `CatalogUnavailable` without MongoDB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from atoll.events import JobEvent, JobMade
from atoll.jobs import JobFacts
from query_service.catalog_documents import Document
from query_service.catalog_errors import CatalogUnavailable, catalog_errors
from query_service.catalog_fold import DocumentName
from query_service.catalog_upserts import Upsert, Upserts
from query_service.job_documents import expiry, job_of, take_end, take_facts, take_outcome
from query_service.job_silence import Silence
from query_service.mongo_driver import MongoDatabase

READ_SECONDS = 3.0
COLLECTION = "jobs"


class JobStore:
    """`keep_ms`: how long a job is remembered after it was made. `silence`: when it is looked at again."""

    def __init__(
        self, mongo: MongoDatabase, keep_ms: int, silence: Silence, now_ms: Callable[[], int]
    ) -> None:
        self._mongo, self._keep_ms, self._silence, self._now_ms = mongo, keep_ms, silence, now_ms
        self._upserts = Upserts(mongo)

    async def apply(self, events: Iterable[JobEvent], refused: dict[DocumentName, str]) -> set[str]:
        """Fold events of jobs in; which jobs they are about. Idempotent, in any order."""
        news = list(events)
        with catalog_errors("taking events of jobs"):
            for event in news:  # one by one: two of one job must not be in one unordered write
                pipeline = (
                    self._facts(event.job, ready=True)
                    if isinstance(event, JobMade)
                    else take_outcome(event, expiry(self._now_ms(), self._keep_ms))
                )
                await self._upserts.write(COLLECTION, [Upsert(job_of(event), pipeline)], refused)
        return {job_of(event) for event in news}

    async def make(self, facts: JobFacts) -> None:
        """Note an order before its tasks are queued."""
        await self._note(facts, ready=False)

    async def ready(self, facts: JobFacts) -> None:
        """All tasks of the order are queued."""
        await self._note(facts, ready=True)

    def _facts(self, facts: JobFacts, *, ready: bool) -> list[Document]:
        watch_at = self._silence.ends_at(facts.created_at, ready=ready)
        return take_facts(facts, expiry(self._now_ms(), self._keep_ms), watch_at, ready=ready)

    async def _note(self, facts: JobFacts, *, ready: bool) -> None:
        refused: dict[DocumentName, str] = {}
        pipeline = self._facts(facts, ready=ready)
        with catalog_errors("noting a job"):
            await self._upserts.write(COLLECTION, [Upsert(facts.id, pipeline)], refused)
        if refused:
            raise CatalogUnavailable(f"The job cannot be noted: {next(iter(refused.values()))}")

    async def get(self, job: str) -> Mapping[str, Any] | None:
        """The job's document."""
        with catalog_errors("reading a job"):
            async with asyncio.timeout(READ_SECONDS):
                found: Mapping[str, Any] | None = await self._mongo.collection(COLLECTION).find_one(
                    {"_id": job}
                )
        return found

    async def get_many(self, jobs: Iterable[str]) -> Sequence[Mapping[str, Any]]:
        """The documents of these jobs."""
        with catalog_errors("reading jobs"):
            cursor = self._mongo.collection(COLLECTION).find({"_id": {"$in": list(jobs)}})
            found: Sequence[Mapping[str, Any]] = await cursor.to_list(None)
        return found

    async def page(
        self, bucket: str | None, by: str | None, before: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Up to `limit` jobs older than `before`, the newest first."""
        query: dict[str, Any] = {"_id": {"$lt": before}} if before else {}
        if bucket is not None:
            query["bucket"] = bucket
        elif by is not None:
            query["by"] = by
        with catalog_errors("listing jobs"):
            async with asyncio.timeout(READ_SECONDS):
                cursor = self._mongo.collection(COLLECTION).find(query).sort([("_id", -1)]).limit(limit)
                found: Sequence[Mapping[str, Any]] = await cursor.to_list(None)
        return found

    async def cancel(self, job: str, at: int) -> None:
        """Note that nobody wants it any more; the first time counts."""
        with catalog_errors("cancelling a job"):
            await self._mongo.collection(COLLECTION).update_one(
                {"_id": job}, [{"$set": {"cancelled_at": {"$ifNull": ["$cancelled_at", at]}}}]
            )

    async def due(self, now: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """Jobs that are to be looked at (`watch_at`), the longest due first."""
        with catalog_errors("looking for silent jobs"):
            async with asyncio.timeout(READ_SECONDS):
                cursor = self._mongo.collection(COLLECTION).find({"watch_at": {"$gte": 0, "$lte": now}})
                found: Sequence[Mapping[str, Any]] = (
                    await cursor.sort([("watch_at", 1)]).limit(limit).to_list(None)
                )
        return found

    async def look_again(self, job: str, at: int) -> None:
        """Not before then."""
        with catalog_errors("noting when to look at a job"):
            await self._mongo.collection(COLLECTION).update_one({"_id": job}, {"$set": {"watch_at": at}})

    async def look_no_more(self, jobs: Iterable[str]) -> None:
        """They have ended."""
        with catalog_errors("noting that jobs have ended"):
            await self._mongo.collection(COLLECTION).update_many(
                {"_id": {"$in": list(jobs)}}, {"$unset": {"watch_at": ""}}
            )

    async def give_up(self, job: str, at: int, why: str) -> None:
        """Note that it has failed, and why."""
        with catalog_errors("giving up a job"):
            await self._mongo.collection(COLLECTION).update_one({"_id": job}, take_end(at, why))
