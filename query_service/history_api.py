"""GET /v1/history: what the key that asks, or one session of its application, uploaded and had made lately.

For a page "your recent images". Uploads come from the catalog, page by page; renditions from a bounded list
in Redis (render_log.py), with the first page only, and null when Redis cannot be asked. What the key does not
reach any more is left out. Refuses the history of an upload key to whoever does not reach all that it signs
for.
"""

from __future__ import annotations

import base64
import binascii
import re

from aiohttp import web
from msgspec import UNSET, Struct

from atoll.access import UploadKey
from atoll.api_keys import ApiKey
from atoll.errors import AtollError, BadRequest, NotFound
from atoll.http import json_response
from atoll.node_api import AssetView, rfc3339
from atoll.uploaders import check_session, offline_uploader
from query_service.asset_finder import AssetFinder
from query_service.asset_views import shown
from query_service.catalog import Catalog
from query_service.catalog_asset import CatalogAsset
from query_service.clients import PARAMETERS, Clients
from query_service.cluster_view import Views
from query_service.history_fields import history_plan
from query_service.key_reach import limited_key, reaches, uploader_of
from query_service.query_input import check_query, whole_number
from query_service.render_log import Rendered, RenderLog
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.url_signer import Client

_PARAMETERS = PARAMETERS | {"session", "upload_key", "limit", "cursor"}
_DEFAULT_LIMIT, _MAX_LIMIT = 50, 200
_CURSOR = re.compile(r"[0-9]{13}\n[0-9a-z]{26}", re.ASCII)


class RenditionView(Struct, frozen=True):
    """What was made of an image, when it was asked for last, and where it is now."""

    asset_id: str
    bucket: str
    public_id: str
    transformation: str
    at: str
    url: str
    image_url: str | None


class HistoryView(Struct, frozen=True):
    """One page. `renditions`: with the first page; null where they cannot be told."""

    uploads: list[AssetView]
    renditions: list[RenditionView] | None
    next_cursor: str | None


class HistoryApi:
    """Shows what a key did."""

    def __init__(
        self,
        catalog: Catalog,
        finder: AssetFinder,
        resolver: Resolver,
        clients: Clients,
        views: Views,
        renders: RenderLog,
    ) -> None:
        self._catalog, self._finder, self._resolver = catalog, finder, resolver
        self._clients, self._views, self._renders = clients, views, renders

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/v1/history", "read", self.show, reach="inside")]

    async def show(self, request: web.Request) -> web.Response:
        """The newest first."""
        check_query(request, _PARAMETERS)
        by, session = self._who(request), request.query.get("session")
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
        client, after = self._clients.of(request), _after(request)
        plan = history_plan(by, sessions=session is None, after=after)
        page = await self._catalog.search(plan, limit)
        uploads = [
            asset for asset in page.assets if self._finder.kept(asset) and self._reached(request, asset)
        ]
        renditions = None if after is not None else await self._renditions(request, by, client)
        view = HistoryView(
            [shown(asset, self._resolver, client) for asset in uploads],
            renditions,
            None if page.next_after is None else _cursor(page.next_after),
        )
        return json_response(view, headers={"Cache-Control": "no-store"})

    def _who(self, request: web.Request) -> str:
        name, session = request.query.get("upload_key"), request.query.get("session")
        if name is None:
            return uploader_of(request, session)
        key, upload_key = limited_key(request), self._views.current().cluster.upload_keys.get(name)
        if upload_key is None or (key is not None and not _reaches_all(key, upload_key)):
            raise NotFound(f"There is no upload key {name[:40]!r} in this key's reach.", key=name[:80])
        return offline_uploader(name, check_session(session))

    def _reached(self, request: web.Request, asset: CatalogAsset) -> bool:
        key = limited_key(request)
        return key is None or reaches(key, asset.record.bucket, asset.record.public_id)

    async def _renditions(self, request: web.Request, by: str, client: Client) -> list[RenditionView] | None:
        entries = await self._renders.last(by)
        if entries is None:
            return None
        found = await self._finder.many({entry.asset_id for entry in entries}, wait=0)
        views = []
        for entry in entries:
            asset = found.get(entry.asset_id)
            if isinstance(asset, CatalogAsset) and self._reached(request, asset):
                view = self._rendition(entry, asset, client)
                views += [view] if view is not None else []
        return views

    def _rendition(self, entry: Rendered, asset: CatalogAsset, client: Client) -> RenditionView | None:
        """None when the bucket does not allow it any more."""
        try:
            there = self._resolver.asset(asset, client, entry.transformation)
        except AtollError:
            return None
        record = asset.record
        return RenditionView(
            record.asset_id,
            record.bucket,
            record.public_id,
            entry.transformation,
            rfc3339(entry.at),
            there.url,
            None if there.image_url is UNSET else there.image_url,
        )


def _reaches_all(key: ApiKey, upload_key: UploadKey) -> bool:
    """Whether everything that the upload key signs for is in the key's reach."""
    if not all(key.reaches_bucket(bucket) for bucket in upload_key.buckets):
        return False
    signed = upload_key.prefixes or ("",)
    return not key.prefixes or all(prefix.startswith(key.prefixes) for prefix in signed)


def _cursor(sort_key: str) -> str:
    """What follows who: whoever has the cursor may ask only for himself."""
    return base64.urlsafe_b64encode(sort_key.partition("\n")[2].encode()).rstrip(b"=").decode()


def _after(request: web.Request) -> str | None:
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        after = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        after = ""
    if not _CURSOR.fullmatch(after):
        raise BadRequest("The cursor is not one of ours; leave it out.", parameter="cursor")
    return after
