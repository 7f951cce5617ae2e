"""GET /i/{bucket}/{public_id}[.ext]: a stable address for `<img src>`, answered with a 302 to a node.

Owns how a name with an extension is read and how long the answer may be cached. Anyone may ask for a
public bucket's images; a private bucket's need an API key and get a signed URL.
"""

from __future__ import annotations

from aiohttp import web

from atoll import names
from atoll.api_keys import ApiKeys
from atoll.errors import BadName, NotFound
from atoll.http import SAFE_HEADERS
from query_service.absent_names import AbsentNames
from query_service.asset_finder import AssetFinder
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_errors import CatalogUnavailable
from query_service.clients import Clients
from query_service.cluster_view import Views
from query_service.position import PositionFinder
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.wire import Resolved

# What people write for the formats we keep; the last word of a name is an extension only if it is here.
EXTENSIONS = frozenset({*names.EXTENSIONS, "jpeg", "tif", "heif"})


class Redirects:
    """Redirects to images."""

    def __init__(
        self,
        finder: AssetFinder,
        resolver: Resolver,
        clients: Clients,
        positions: PositionFinder,
        views: Views,
        keys: ApiKeys,
        cache_seconds: int,
        absent: AbsentNames,
    ) -> None:
        self._finder, self._resolver, self._clients = finder, resolver, clients
        self._positions, self._views, self._keys = positions, views, keys
        self._cache_seconds, self._absent = cache_seconds, absent

    def routes(self) -> list[Route]:
        """The one route; it checks the key itself, for only private buckets need one."""
        return [Route("GET", "/i/{bucket}/{name:.+}", None, self.redirect)]

    async def redirect(self, request: web.Request) -> web.Response:
        """302 to the nearest node. Unknown parameters are let be: pages put `?v=3` behind image names."""
        bucket = self._views.current().cluster.bucket(names.check_bucket(request.match_info["bucket"]))
        private = bucket.visibility == "private"
        if private:
            self._keys.check(request.headers, "read")
        client = self._clients.of(request)
        asset = await self._find(bucket.name, request.match_info["name"])
        resolved = self._resolver.asset(asset, client)
        return web.Response(status=302, headers=self._headers(request, resolved, private, client.seconds))

    async def _find(self, bucket: str, name: str) -> CatalogAsset:
        """The asset with this very name; else the one with the name before the extension."""
        given, *stem = readings(name)
        lately_absent = bool(stem) and self._absent.lately((bucket, given))
        if not lately_absent and (asset := await self._find_given(bucket, given)):
            return asset
        if stem and (asset := await self._finder.named(bucket, stem[0])):
            return asset
        # Nothing is saved by believing the memory now, and it may have been uploaded meanwhile.
        if lately_absent and (asset := await self._find_given(bucket, given)):
            return asset
        raise NotFound("There is no such image.", bucket=bucket, public_id=given)

    async def _find_given(self, bucket: str, public_id: str) -> CatalogAsset | None:
        name = (bucket, public_id)
        try:
            asset = await self._finder.named(bucket, public_id)
        except CatalogUnavailable:
            if self._absent.ever(name):
                return None
            raise
        if asset is None:
            self._absent.note(name)
        return asset

    def _headers(
        self, request: web.Request, resolved: Resolved, private: bool, valid_seconds: int
    ) -> dict[str, str]:
        """No cache may keep a signed URL beyond its time, or send anybody to a suspect node twice."""
        seconds = 0 if resolved.suspect else min(self._cache_seconds, valid_seconds)
        vary = [*(["Authorization"] if private else []), *filter(None, [self._positions.vary(request)])]
        return {
            **SAFE_HEADERS,
            "Location": resolved.url,
            "Cache-Control": f"{'private' if private else 'public'}, max-age={seconds}",
            **({"Vary": ", ".join(vary)} if vary else {}),
        }


def readings(name: str) -> list[str]:
    """The public_ids that a name in a URL may mean, in the order to try; `BadName` if it can mean none."""
    given = names.check_public_id(name)
    stem, dot, extension = given.rpartition(".")
    if not dot or extension.lower() not in EXTENSIONS:
        return [given]
    try:
        return [given, names.check_public_id(stem)]
    except BadName:
        return [given]
