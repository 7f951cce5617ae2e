"""`client.jobs`: heavy work in the background, ordered, watched, cancelled. I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from urllib.parse import quote

from atoll.client.job_views import Job, JobPage
from atoll.client.query import QueryServices
from atoll.errors import Unavailable

LOOK_SECONDS = 0.5


class JobCalls:
    """Asks `query`. Ordering needs the scope `write` (an export `read` too), looking `read`."""

    def __init__(self, query: QueryServices) -> None:
        self._query = query

    async def transform(
        self,
        bucket: str,
        transformations: Iterable[str],
        *,
        prefix: str | None = None,
        asset_ids: Iterable[str] | None = None,
        regions: Iterable[str] = (),
    ) -> Job:
        """Have transformations of existing images made: those that begin with `prefix`, or `asset_ids`."""
        more = {"transformations": list(transformations), "regions": list(regions)}
        return await self._order("transform", bucket, prefix, asset_ids, more)

    async def apply(
        self,
        bucket: str,
        transformation: str,
        *,
        prefix: str | None = None,
        asset_ids: Iterable[str] | None = None,
    ) -> Job:
        """Have a new version made of each image: what `transformation` makes of the current one."""
        return await self._order("apply", bucket, prefix, asset_ids, {"transformation": transformation})

    async def look(
        self, bucket: str, *, prefix: str | None = None, asset_ids: Iterable[str] | None = None
    ) -> Job:
        """Have images looked at again: for faces, colour and placeholders."""
        return await self._order("look", bucket, prefix, asset_ids, {})

    async def export(
        self,
        bucket: str,
        *,
        prefix: str | None = None,
        asset_ids: Iterable[str] | None = None,
        keep_seconds: int = 86_400,
    ) -> Job:
        """Have images put into ZIP files; the job that is done has their URLs, good for `keep_seconds`."""
        return await self._order("export", bucket, prefix, asset_ids, {"keep_seconds": keep_seconds})

    async def _order(
        self,
        kind: str,
        bucket: str,
        prefix: str | None,
        asset_ids: Iterable[str] | None,
        more: Mapping[str, object],
    ) -> Job:
        ids = None if asset_ids is None else list(asset_ids)
        body = {"kind": kind, "bucket": bucket, "prefix": prefix, "asset_ids": ids, **more}
        return await self._query.call("POST", "/v1/jobs", Job, body=body)

    async def get(self, job: str) -> Job:
        """How far it is; `NotFound`."""
        return await self._query.call("GET", f"/v1/jobs/{quote(job, safe='')}", Job)

    async def page(self, *, bucket: str | None = None, limit: int = 20, cursor: str | None = None) -> JobPage:
        """Jobs, the newest first."""
        given = {"bucket": bucket, "limit": str(limit), "cursor": cursor}
        params = {name: value for name, value in given.items() if value is not None}
        return await self._query.call("GET", "/v1/jobs", JobPage, params=params)

    async def cancel(self, job: str) -> Job:
        """Let go of it; `Conflict` when it has ended."""
        return await self._query.call("DELETE", f"/v1/jobs/{quote(job, safe='')}", Job)

    async def watch(self, job: str) -> AsyncIterator[Job]:
        """The job whenever something about it has changed, until it has ended."""
        seen: Job | None = None
        while True:
            now = await self.get(job)
            if now != seen:
                yield now
                seen = now
            if now.ended:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def wait(
        self, job: str, *, seconds: float = 3600.0, progress: Callable[[Job], None] | None = None
    ) -> Job:
        """The job when it has ended; `Unavailable` when that takes longer than `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                async for now in self.watch(job):
                    if progress:
                        progress(now)
        except TimeoutError as error:
            raise Unavailable(f"The job {job} has not ended within {seconds:g} s.", job=job) from error
        return now
