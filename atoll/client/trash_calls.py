"""What a program asks about deleted assets: which can be restored still. I/O through the query services.

A part of `AsyncClient`. Restoring one is `operations.restore`. Needs the scope `delete`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from msgspec import Struct

from atoll.client.query import QueryServices
from atoll.errors import Unavailable
from atoll.names import check_bucket

PAGE = 500


class TrashedAsset(Struct, frozen=True):
    """A deleted asset, as a restore would bring it back; until `erased_at` (RFC 3339) it can."""

    asset_id: str
    bucket: str
    public_id: str
    deleted_at: str
    erased_at: str
    format: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0
    title: str = ""
    tags: tuple[str, ...] = ()
    created_at: str = ""


class _Page(Struct):
    assets: tuple[TrashedAsset, ...]
    next_cursor: str | None = None
    complete: bool = True
    unasked: dict[str, str] = {}


class TrashCalls:
    """Asks `query`."""

    def __init__(self, query: QueryServices) -> None:
        self._query = query

    async def deleted(
        self, bucket: str, prefix: str = "", limit: int | None = None
    ) -> AsyncIterator[TrashedAsset]:
        """What was deleted from a bucket and can be restored, at most `limit`; what stays longest is first.

        Raises `Unavailable`, behind what is known, when no node of some set could be asked.
        """
        left, cursor, unasked = limit, None, dict[str, str]()
        while left is None or left > 0:
            params = {"bucket": check_bucket(bucket), "limit": str(PAGE if left is None else min(left, PAGE))}
            params |= {"prefix": prefix} if prefix else {}
            params |= {"cursor": cursor} if cursor is not None else {}
            page = await self._query.call("GET", "/v1/trash", _Page, params=params)
            for asset in page.assets:
                yield asset
            unasked |= {} if page.complete else page.unasked
            left, cursor = None if left is None else left - len(page.assets), page.next_cursor
            if cursor is None:
                break
        if unasked:
            raise Unavailable("There may be more: no node of some set could be asked.", unasked=unasked)
