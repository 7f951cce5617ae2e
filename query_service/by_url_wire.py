"""The order to fetch images by URL, and its answer. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from query_service.job_wire import JobView
from query_service.wire import UploadOrder

MAX_URL_CHARS = 2048
Url = Annotated[str, Meta(min_length=1, max_length=MAX_URL_CHARS)]


class UrlOrder(UploadOrder, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An upload whose bytes the cluster fetches: http or https, from a host in the bucket's `fetch_hosts`.

    `urls` in place of `url`: several, each an asset of its own. All else is as in an order for a ticket, but
    for `files` and `form_fields`, which are not to be given.
    """

    url: Url | None = None
    urls: Annotated[tuple[Url, ...], Meta(min_length=1)] | None = None


class FetchOrdered(JobView, frozen=True, kw_only=True):
    """The job that fetches. `asset_ids`: what each URL's image will be called, in the order of the URLs; an
    error of the job names as its item the URL's place in that order, from 0.
    """

    asset_ids: tuple[str, ...]
