"""What a program asks about many images that the cluster fetches itself: one order, an outcome each. I/O.

The part of `AsyncClient` for that. An order is refused whole, before anything is fetched; after that each
URL has an outcome of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Unpack

from msgspec import Struct

from atoll.client.many import each
from atoll.client.url_calls import (
    FETCH_SECONDS,
    FetchError,
    FetchJob,
    UrlCalls,
    Words,
    checked_order,
    problem_of,
)
from atoll.errors import AtollError, BadRequest, Unavailable
from atoll.node_api import AssetView

MAX_URLS = 100  # what a query service takes in one order, unless its operator says otherwise
_LOOKS_AT_ONCE = 8


class FetchOrder(FetchJob, frozen=True, kw_only=True):
    """The job that fetches many. `asset_ids`: what each URL's image will be called, in their order."""

    asset_ids: tuple[str, ...]


class UrlOutcome(Struct, frozen=True):
    """What became of one of many URLs: `asset`, or `error`."""

    url: str
    asset: AssetView | None = None
    error: AtollError | None = None


class UrlListCalls(UrlCalls):
    """`UrlCalls` for more than one."""

    async def fetch_urls(self, urls: Iterable[str], *, bucket: str, **words: Unpack[Words]) -> FetchOrder:
        """Order that the cluster fetch all of `urls`; returns once that is queued.

        Raises `OutwardRefused` when the bucket does not fetch from one of their hosts: then none is fetched.
        `TooManyFiles` above what the service takes in one order (100 unless it is set).
        """
        if isinstance(urls, str):
            raise BadRequest("urls is a list of URLs, not one string.", got=urls[:80])
        order = checked_order(bucket, None, words)
        body = {**order, "urls": list(urls)}
        return await self._url_query.call(
            "POST", "/v1/uploads/by-url", FetchOrder, params=self._url_place, body=body
        )

    async def upload_urls(
        self, urls: Iterable[str], *, bucket: str, timeout: float = FETCH_SECONDS, **words: Unpack[Words]
    ) -> tuple[UrlOutcome, ...]:
        """The assets that the cluster made of `urls`: an outcome each, in order; one stops no other.

        Waits at most `timeout` seconds; who is not fetched by then has `Unavailable` for an error, and the
        job (`job` among its facts) goes on. Raises what `fetch_urls` raises.
        """
        wanted = urls if isinstance(urls, str) else list(urls)
        order = await self.fetch_urls(wanted, bucket=bucket, **words)
        return await self._outcomes(wanted, order, await self._watched(order, timeout))

    async def _watched(self, job: FetchJob, timeout: float) -> FetchJob:
        """The job when it has ended, or as it is after `timeout`."""
        try:
            async with asyncio.timeout(timeout):
                return await self._ended(job)
        except TimeoutError:
            return await self._url_query.call("GET", f"/v1/jobs/{job.id}", FetchJob)

    async def _outcomes(
        self, urls: Sequence[str], order: FetchOrder, job: FetchJob
    ) -> tuple[UrlOutcome, ...]:
        stored, errors = set(job.assets), {error.item: error for error in job.errors}
        outcomes: dict[int, UrlOutcome] = {}

        async def look(number: int) -> None:
            url, asset_id = urls[number], order.asset_ids[number]
            if asset_id not in stored:
                error = _why_not(job, errors.get(str(number)))
                outcomes[number] = UrlOutcome(url, error=error)
                return
            try:
                outcomes[number] = UrlOutcome(url, asset=await self._fetched(asset_id))
            except AtollError as error:
                outcomes[number] = UrlOutcome(url, error=error)

        await each(range(len(urls)), _LOOKS_AT_ONCE, look)
        return tuple(outcomes[number] for number in range(len(urls)))


def _why_not(job: FetchJob, error: FetchError | None) -> AtollError:
    if error is None:
        return Unavailable(f"It was not fetched yet; the job is {job.state}.", job=job.id)
    return problem_of(error, job.id)
