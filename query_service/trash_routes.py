"""GET /v1/trash: what was deleted from a bucket and can be restored still, page by page.

For whoever may delete, which is also who may restore. Refuses names beyond the key's reach. No database is
asked.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from atoll import names
from atoll.http import json_response
from atoll.model import Extension
from atoll.node_api import rfc3339
from atoll.trash_api import MAX_TRASHED, Trashed, TrashOrder
from query_service.cluster_view import Views
from query_service.key_reach import check_prefix
from query_service.query_input import check_query, checked_prefix, needed, whole_number
from query_service.routing import Route
from query_service.search_cursor import read_cursor, write_cursor
from query_service.trash import TrashAsker

_DEFAULT_LIMIT = 100
_SORT = "-erased_at"  # cursors of other listings are refused
_FRESH = {"Cache-Control": "no-store"}


class TrashedView(Struct, frozen=True):
    """A deleted asset, as a restore would bring it back; it can until `erased_at`. Nobody is served it."""

    asset_id: str
    bucket: str
    public_id: str
    title: str
    tags: tuple[str, ...]
    format: Extension
    bytes: int
    width: int
    height: int
    created_at: str
    deleted_at: str
    erased_at: str


class TrashList(Struct, frozen=True):
    """One page, what stays longest first. `complete`: a node of every set answered; `unasked`: the silent."""

    assets: tuple[TrashedView, ...]
    next_cursor: str | None
    complete: bool
    unasked: dict[str, str]


class TrashApi:
    """Shows the trash; `most` assets in one page."""

    def __init__(self, asker: TrashAsker, views: Views, most: int) -> None:
        self._asker, self._views, self._most = asker, views, min(most, MAX_TRASHED)

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/v1/trash", "delete", self.show, reach="inside")]

    async def show(self, request: web.Request) -> web.Response:
        """One page, and the cursor of the next."""
        check_query(request, {"bucket", "prefix", "limit", "cursor"})
        order = self._order(request)
        told = await self._asker.ask(order)
        cursor = None if told.after is None else write_cursor(told.after, _SORT)
        views = tuple(map(_view, told.assets))
        return json_response(TrashList(views, cursor, told.complete, told.unasked), headers=_FRESH)

    def _order(self, request: web.Request) -> TrashOrder:
        bucket = names.check_bucket(needed(request, "bucket"))
        prefix = checked_prefix(request.query.get("prefix", ""))
        check_prefix(request, bucket, prefix)
        self._views.current().cluster.bucket(bucket)
        limit = whole_number(request, "limit", min(_DEFAULT_LIMIT, self._most), 1, self._most)
        cursor = request.query.get("cursor")
        return TrashOrder(bucket, prefix, None if cursor is None else read_cursor(cursor, _SORT), limit)


def _view(asset: Trashed) -> TrashedView:
    record = asset.record
    return TrashedView(
        asset_id=record.asset_id,
        bucket=record.bucket,
        public_id=record.public_id,
        title=record.title,
        tags=record.tags,
        format=record.blob.ext,
        bytes=record.blob.size,
        width=record.blob.picture.width,
        height=record.blob.picture.height,
        created_at=rfc3339(record.created_at),
        deleted_at=rfc3339(asset.deleted_at),
        erased_at=rfc3339(asset.purge_at),
    )
