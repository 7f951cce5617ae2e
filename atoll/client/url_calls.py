"""What a program asks about images that the cluster fetches itself: give it a URL, wait for the asset. I/O.

The part of `AsyncClient` for that. Fetching is a job: it goes on when this program ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypedDict, Unpack

from msgspec import Struct

from atoll.backoff import Backoff
from atoll.client.query import QueryServices
from atoll.client.resolving import id_segment
from atoll.client.upload import UploadOrder
from atoll.durability import check_durability
from atoll.errors import AtollError, BadRequest, NotFound, Unavailable, from_problem
from atoll.names import check_bucket, check_public_id
from atoll.node_api import AssetView

FETCH_SECONDS = 300.0
_FIRST_LOOK, _LONGEST_LOOK = 0.05, 2.0
_BEHIND_SECONDS = 5.0  # the catalog may hear of the asset a moment after it heard of the job's end
_ENDED = frozenset({"done", "failed", "cancelled"})


class Words(TypedDict, total=False):
    """What may be said of an ordered image, as at an upload."""

    tags: Iterable[str]
    context: Mapping[str, str] | None
    title: str
    alt: str
    durability: str | None
    eager: Iterable[str]


class FetchError(Struct, frozen=True):
    """Why an image was not fetched: a problem's slug, and a sentence. `item`: its URL's place."""

    problem: str
    detail: str
    item: str = "0"


class FetchJob(Struct, frozen=True):
    """The job that fetches one image. `assets`: its id, once it is done."""

    id: str
    state: Literal["preparing", "queued", "running", "done", "failed", "cancelled"]
    errors: tuple[FetchError, ...] = ()
    assets: tuple[str, ...] = ()


class UrlCalls:
    """Asks `query`; `place` says where this client is."""

    def __init__(self, query: QueryServices, place: Mapping[str, str]) -> None:
        self._url_query, self._url_place = query, place

    async def fetch_url(
        self, url: str, *, bucket: str, public_id: str | None = None, **words: Unpack[Words]
    ) -> FetchJob:
        """Order that the cluster fetch `url`; returns once that is queued.

        Raises `OutwardRefused` when the bucket does not fetch from that host.
        """
        order = checked_order(bucket, public_id, words)
        return await self._url_query.call(
            "POST", "/v1/uploads/by-url", FetchJob, params=self._url_place, body={**order, "url": url}
        )

    async def upload_url(
        self,
        url: str,
        *,
        bucket: str,
        public_id: str | None = None,
        timeout: float = FETCH_SECONDS,
        **words: Unpack[Words],
    ) -> AssetView:
        """The asset that the cluster made of `url`, as `upload` gives it; waits at most `timeout` seconds.

        Raises `OutwardRefused`, `NotFetched`, `OutwardFailed`, what an upload raises for such an image, and
        `Unavailable` after `timeout`: the job (`job` among the facts) goes on.
        """
        job = await self.fetch_url(url, bucket=bucket, public_id=public_id, **words)
        try:
            async with asyncio.timeout(timeout):
                job = await self._ended(job)
        except TimeoutError as error:
            raise Unavailable(f"The image was not fetched within {timeout:g} s.", job=job.id) from error
        if not job.assets:
            raise _why(job)
        return await self._fetched(job.assets[0])

    async def _ended(self, job: FetchJob) -> FetchJob:
        backoff = Backoff(_FIRST_LOOK, _LONGEST_LOOK)
        while job.state not in _ENDED:
            await asyncio.sleep(backoff.next())
            job = await self._url_query.call("GET", f"/v1/jobs/{job.id}", FetchJob)
        return job

    async def _fetched(self, asset_id: str) -> AssetView:
        backoff, path = Backoff(_FIRST_LOOK, _LONGEST_LOOK), f"/v1/assets/{id_segment(asset_id)}"
        end = asyncio.get_running_loop().time() + _BEHIND_SECONDS
        while True:
            try:
                return await self._url_query.call("GET", path, AssetView)
            except NotFound:
                if asyncio.get_running_loop().time() > end:
                    raise
            await asyncio.sleep(backoff.next())


def checked_order(bucket: str, public_id: str | None, words: Words) -> dict[str, Any]:
    """The order's body but for what is to be fetched; `BadRequest`, `BadName` for what nobody would take."""
    tags, eager, durability = words.get("tags", ()), words.get("eager", ()), words.get("durability")
    for name, given in (("tags", tags), ("eager", eager)):
        if isinstance(given, str):
            raise BadRequest(f"{name} is a list of {name}, not one string.", got=given[:80])
    order = UploadOrder(
        bucket=check_bucket(bucket),
        public_id=None if public_id is None else check_public_id(public_id),
        tags=tuple(tags),
        context=dict(words.get("context") or {}),
        title=words.get("title", ""),
        alt=words.get("alt", ""),
        durability=None if durability is None else check_durability(durability),
        eager=tuple(eager),
    ).body(1)
    del order["max_bytes"]  # nobody knows yet
    return order


def _why(job: FetchJob) -> AtollError:
    if not job.errors:
        return Unavailable(f"The job is {job.state}.", job=job.id)
    return problem_of(job.errors[0], job.id)


def problem_of(error: FetchError, job: str) -> AtollError:
    """The error that a job tells of, as if it were the answer to an upload."""
    document = {"type": f"urn:atoll:problem:{error.problem}", "detail": error.detail, "job": job}
    return from_problem(document, 422)
