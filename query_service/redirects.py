"""GET /i/{bucket}/{transformation…}/{public_id}[.ext]: a stable address for `<img src>`, a 302 to a node.

Owns the order of things – who may see it (image_access.py), its one address (image_requests.py), which asset
is meant (image_names.py), where that is, whose pages may read it (image_cors.py) – and how long each answer
may be cached.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from atoll import names
from atoll.bucket import Bucket
from atoll.errors import NotFound
from atoll.http import SAFE_HEADERS
from atoll.transformation.paths import ImagePath
from query_service.clients import Clients
from query_service.cluster_view import Views
from query_service.image_access import AUTHORIZATION, Admission, ImageAccess, is_open
from query_service.image_cors import by_origin, shown_to
from query_service.image_names import ImageNames, Meant
from query_service.image_requests import read_target, target_of
from query_service.position import PositionFinder
from query_service.query_input import wait_of
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.url_signer import Client
from query_service.wire import Resolved
from query_service.wishes import Wish, Wishes

VARY = web.RequestKey("vary", str)  # the headers that decide about the answer, once the path is understood


@dataclass(frozen=True)
class CacheRules:
    """For how many seconds answers may be cached. `derivative`: how long a derivative's URL is valid."""

    redirect: int
    fallback: int
    derivative: int


class Redirects:
    """Redirects to images."""

    def __init__(
        self,
        images: ImageNames,
        resolver: Resolver,
        wishes: Wishes,
        clients: Clients,
        positions: PositionFinder,
        views: Views,
        access: ImageAccess,
        cache: CacheRules,
    ) -> None:
        self._images, self._resolver, self._wishes = images, resolver, wishes
        self._clients, self._positions, self._views = clients, positions, views
        self._access, self._cache = access, cache

    def routes(self) -> list[Route]:
        """The one route; it checks keys and signatures itself, for much needs neither."""
        path = "/i/{bucket}/{name:.+}"
        return [Route("GET", path, None, self.redirect, reach="inside", dress=self._dress)]

    async def redirect(self, request: web.Request) -> web.Response:
        """302 to the nearest node. Unknown parameters are let be: pages put `?v=3` behind image names."""
        bucket = self._views.current().cluster.bucket(names.check_bucket(request.match_info["bucket"]))
        asked = read_target(target_of(request), request.query.items(), self._wishes.limits(bucket))
        request[VARY] = self._vary(request, bucket, asked.image)
        admission = self._access.admit(request, bucket, asked.image)
        if asked.moved_to is not None:
            return self._moved(asked.moved_to, admission)
        return await self._to_node(request, bucket, asked.image, admission)

    def _dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say in every answer, errors and early refusals too, who may read it and what decided about it."""
        bucket = self._views.current().cluster.buckets.get(request.match_info["bucket"])
        response.headers.update(shown_to(bucket, request.headers.get("Origin")))
        if vary := request.get(VARY, "Origin" if bucket is not None and by_origin(bucket) else ""):
            response.headers["Vary"] = vary

    def _vary(self, request: web.Request, bucket: Bucket, image: ImagePath) -> str:
        """The headers that decide about the answer, whatever it will be."""
        by_key = [] if is_open(bucket, image) else [AUTHORIZATION]
        by_page = ["Origin"] if by_origin(bucket) else []
        return ", ".join([*by_key, *by_page, *filter(None, [self._positions.vary(request)])])

    def _moved(self, path: str, admission: Admission) -> web.Response:
        """301: the same request has one address."""
        return web.Response(status=301, headers=self._headers(path, admission, self._cache.redirect))

    async def _to_node(
        self, request: web.Request, bucket: Bucket, image: ImagePath, admission: Admission
    ) -> web.Response:
        client = self._client(request, admission)
        resolved, seconds = await self._resolve(bucket, image, client, wait_of(request))
        headers = self._headers(resolved.url, admission, 0 if resolved.suspect else seconds)
        return web.Response(status=302, headers=headers)

    def _client(self, request: web.Request, admission: Admission) -> Client:
        """What it is given lasts no longer, and reaches no further, than what it was let in with."""
        client = self._clients.of(request)
        return client._replace(until=admission.until, key=admission.key, net=admission.net)

    async def _resolve(
        self, bucket: Bucket, image: ImagePath, client: Client, wait: float | None
    ) -> tuple[Resolved, int]:
        """Where it is, and how long that may be believed: not longer than a signed URL of it is good."""
        seconds = self._cache.redirect
        if bucket.visibility == "private":
            seconds = min(seconds, client.seconds)
        if image.transformation is None:
            meant = await self._images.find(bucket.name, image.public_id, wait)
            return self._resolver.asset(_there(meant, image).asset, client), seconds
        wish = self._wishes.parsed(bucket, image.transformation)
        meant = await self._images.find(bucket.name, image.public_id, wait)
        if meant is None:
            seconds = min(seconds, self._cache.fallback)
            meant, wish = await self._fallback(bucket, image, wish, wait)
        wish = self._wishes.in_format(bucket, wish, meant.extension, meant.asset.record.blob.ext)
        return self._resolver.derivative(meant.asset, client, wish), min(seconds, self._cache.derivative)

    async def _fallback(
        self, bucket: Bucket, image: ImagePath, wish: Wish, wait: float | None
    ) -> tuple[Meant, Wish]:
        """What `d_` names, so transformed; `NotFound` for the image asked for when there is none."""
        name = wish.meant.fallback
        found = await self._images.find(bucket.name, name, wait) if name is not None else None
        return _there(found, image), self._wishes.without_fallback(bucket, wish)

    def _headers(self, location: str, admission: Admission, seconds: int) -> dict[str, str]:
        """No cache may keep a signed URL beyond its time, or send anybody to a suspect node twice."""
        if admission.until is not None:
            seconds = min(seconds, self._access.seconds_left(admission.until))
        scope = "public" if admission.shared else "private"
        return {**SAFE_HEADERS, "Location": location, "Cache-Control": f"{scope}, max-age={seconds}"}


def _there(meant: Meant | None, image: ImagePath) -> Meant:
    if meant is None:
        raise NotFound("There is no such image.", bucket=image.bucket, public_id=image.public_id)
    return meant
