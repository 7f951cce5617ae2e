"""The order to fetch an image by URL. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from query_service.wire import UploadOrder

MAX_URL_CHARS = 2048


class UrlOrder(UploadOrder, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An upload whose bytes the cluster fetches: http or https, from a host in the bucket's `fetch_hosts`.

    All else is as in an order for a ticket; `files` is 1.
    """

    url: Annotated[str, Meta(min_length=1, max_length=MAX_URL_CHARS)]
