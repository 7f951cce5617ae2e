"""What an application asks on behalf of its visitors: tickets to hand on, and what somebody did lately.

A part of `AsyncClient`. I/O through the query services.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from atoll.client.query import QueryServices
from atoll.client.upload_key_calls import UploadKeyCalls
from atoll.client.views import TicketView
from atoll.names import check_bucket, check_region
from atoll.node_api import AssetView


class RenditionView(Struct, frozen=True):
    """What was made of an image, when it was asked for last, and where it is now."""

    asset_id: str
    bucket: str
    public_id: str
    transformation: str
    at: str
    url: str
    image_url: str | None = None


class History(Struct, frozen=True):
    """One page. `renditions`: with the first page; None where the cluster cannot tell them."""

    uploads: tuple[AssetView, ...]
    renditions: tuple[RenditionView, ...] | None
    next_cursor: str | None


class BrowserCalls:
    """Asks `query`; `here` is this client's place as query parameters."""

    upload_keys: UploadKeyCalls

    def __init__(self, query: QueryServices, here: Mapping[str, str]) -> None:
        self._for_browsers, self._place = query, here
        self.upload_keys = UploadKeyCalls(query)

    async def ticket(
        self,
        bucket: str,
        *,
        public_id: str | None = None,
        files: int = 1,
        max_bytes: int | None = None,
        session: str | None = None,
        region: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> TicketView:
        """A ticket to hand on: whoever has its `upload_url` may upload, until it expires.

        `session`: whom it is for, in the application's own words. `more`: further
        members of the order, as tags.
        """
        body = {"bucket": check_bucket(bucket), "public_id": public_id, "files": files, **(more or {})}
        body |= {} if max_bytes is None else {"max_bytes": max_bytes}
        body |= {} if session is None else {"session": session}
        params = self._place if region is None else {"region": check_region(region)}
        return await self._for_browsers.call("POST", "/v1/uploads", TicketView, params=params, body=body)

    async def history(
        self,
        *,
        session: str | None = None,
        upload_key: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> History:
        """What this client's key, or one session of its application, uploaded and had made lately.

        `upload_key`: what was uploaded with tickets that this key signed.
        """
        given = {"session": session, "upload_key": upload_key, "cursor": cursor, "limit": str(limit)}
        params = {name: value for name, value in given.items() if value is not None}
        return await self._for_browsers.call("GET", "/v1/history", History, params={**self._place, **params})
