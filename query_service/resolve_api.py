"""POST /v1/resolve: where to get many images, in one request and one catalog read.

Owns the batch: each item gets its own answer or its own problem, in the order asked. Handles are answered
with no database; with MongoDB down so is every asset that a cache knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aiohttp import web

from atoll import names
from atoll.api_keys import ApiKey
from atoll.errors import AtollError, BadRequest, NotFound, TooLarge
from atoll.http import json_response, read_json
from query_service.asset_finder import AssetFinder, Key
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_errors import CatalogUnavailable
from query_service.clients import PARAMETERS, Clients
from query_service.key_reach import check_named, uploader_of
from query_service.query_input import check_asset_id, check_query, wait_of
from query_service.render_log import RenderLog
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.url_signer import Client
from query_service.wire import Resolved, ResolveItem, ResolveOrder


class Held(NamedTuple):
    """A handle in a bucket: what needs no looking up."""

    bucket: str
    handle: names.Handle


Target = Key | Held | AtollError
Found = Mapping[Key, CatalogAsset | CatalogUnavailable]


class ResolveApi:
    """Resolves batches; `handles` is told how many handles each had."""

    def __init__(
        self,
        finder: AssetFinder,
        resolver: Resolver,
        clients: Clients,
        max_json_bytes: int,
        max_items: int,
        handles: Callable[[int], None],
        renders: RenderLog,
    ) -> None:
        self._renders = renders
        self._finder, self._resolver, self._clients = finder, resolver, clients
        self._max_json_bytes, self._max_items, self._handles = max_json_bytes, max_items, handles

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("POST", "/v1/resolve", "read", self.resolve, reach="inside")]

    async def resolve(self, request: web.Request) -> web.Response:
        """A result per item, in order."""
        check_query(request, PARAMETERS | {"session"})
        by = uploader_of(request, request.query.get("session"))
        order = await self._read(request)
        client = self._clients.ordering(request, order)
        targets = [_target(item, client.key) for item in order.items]
        self._handles(sum(isinstance(target, Held) for target in targets))
        keys = {target for target in targets if not isinstance(target, (Held, AtollError))}
        found = await self._finder.many(keys, wait_of(request)) if keys else {}
        results = [
            self._result(target, order.t if item.t is None else item.t, found, client)
            for target, item in zip(targets, order.items, strict=True)
        ]
        for result in results:
            if isinstance(result, Resolved) and result.asset_id and result.transformation:
                self._renders.note(by, result.asset_id, result.transformation)
        return json_response({"results": results})

    async def _read(self, request: web.Request) -> ResolveOrder:
        order = await read_json(request, ResolveOrder, self._max_json_bytes)
        if len(order.items) > self._max_items:
            raise TooLarge(
                f"One request resolves at most {self._max_items} items.",
                limit=self._max_items,
                got=len(order.items),
            )
        return order

    def _result(
        self, target: Target, text: str | None, found: Found, client: Client
    ) -> Resolved | dict[str, Any]:
        try:
            return self._resolved(target, text, found, client)
        except AtollError as error:
            return {"problem": error.problem()}

    def _resolved(self, target: Target, text: str | None, found: Found, client: Client) -> Resolved:
        if isinstance(target, AtollError):
            raise target
        if isinstance(target, Held):
            return self._resolver.handle(target.bucket, target.handle, client, text)
        asset = found.get(target)
        if isinstance(asset, CatalogUnavailable):
            raise asset
        if asset is None:
            raise NotFound("There is no such asset.", **_words(target))
        return self._resolver.asset(asset, client, text)


def _target(item: ResolveItem, key: ApiKey | None) -> Target:
    """What an item asks for, or what is wrong with it."""
    try:
        target = _checked(item)
        if key is not None and isinstance(target, tuple) and not isinstance(target, Held):
            check_named(key, *target)
    except AtollError as error:
        return error
    return target


def _checked(item: ResolveItem) -> Target:
    match item:
        case ResolveItem(asset_id=str(asset_id), bucket=None, public_id=None, handle=None):
            return check_asset_id(asset_id)
        case ResolveItem(asset_id=None, bucket=str(bucket), public_id=str(public_id), handle=None):
            return names.check_bucket(bucket), names.check_public_id(public_id)
        case ResolveItem(asset_id=None, bucket=str(bucket), public_id=None, handle=str(handle)):
            return Held(names.check_bucket(bucket), names.parse_handle(handle))
    raise BadRequest("An item is one of: asset_id; bucket and public_id; bucket and handle.")


def _words(key: Key) -> dict[str, str]:
    return {"asset_id": key} if isinstance(key, str) else {"bucket": key[0], "public_id": key[1]}
