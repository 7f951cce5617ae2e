"""The versions of an asset: list, show, where to get one, go back to one, delete one.

Owns /v1/assets/{asset_id}/versions… and …/rollback. A version is addressed by what the list says; the id of
any record of it will do. Called over HTTP; edits go through edits.py.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import UNSET, structs

from atoll.asset_edits import ForgetVersion, Rollback
from atoll.errors import BadName, NotFound
from atoll.http import json_response, read_json
from atoll.node_api import rfc3339
from query_service.asset_views import shown
from query_service.catalog import Catalog
from query_service.catalog_asset import CatalogAsset
from query_service.clients import PARAMETERS, Clients
from query_service.edit_answers import EditAnswers
from query_service.edit_subjects import EditSubjects
from query_service.edits import Edits
from query_service.key_reach import check_found, limited_key
from query_service.query_input import asset_id_of, check_asset_id, check_query, whole_number
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.url_signer import Client
from query_service.version_wire import DeletedVersion, RollbackOrder, VersionList, VersionView

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_PATH = "/v1/assets/{asset_id}/versions"


class VersionsApi:
    """Reads and edits the history of one asset."""

    def __init__(
        self,
        catalog: Catalog,
        subjects: EditSubjects,
        edits: Edits,
        resolver: Resolver,
        clients: Clients,
        max_json_bytes: int,
    ) -> None:
        self._catalog, self._subjects, self._edits = catalog, subjects, edits
        self._resolver, self._clients = resolver, clients
        self._answers = EditAnswers(resolver, clients)
        self._max_json_bytes = max_json_bytes

    def routes(self) -> list[Route]:
        """All five."""
        one = _PATH + "/{version}"
        return [
            Route("GET", one + "/url", "read", self.url, reach="inside"),
            Route("GET", _PATH, "read", self.listing, reach="inside"),
            Route("GET", one, "read", self.show, reach="inside"),
            Route("DELETE", one, "delete", self.delete, reach="inside"),
            Route("POST", "/v1/assets/{asset_id}/rollback", "write", self.rollback, reach="inside"),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """A page of versions, newest first."""
        check_query(request, PARAMETERS | {"limit", "cursor"})
        asset_id, client = asset_id_of(request), self._clients.of(request)
        cursor = request.query.get("cursor")
        after = None if cursor is None else _checked(cursor, "cursor")
        limit = whole_number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        if after is not None:
            await self._check_reach(request, asset_id)
        page = await self._catalog.versions(asset_id, after, limit)
        if page is None or (after is None and not page.versions):
            raise _no_such_asset(asset_id)
        for asset in page.versions:
            check_found(request, asset.record)
        views = [self._view(asset, page.current, client) for asset in page.versions]
        return json_response(VersionList(asset_id, views, page.next_after))

    async def show(self, request: web.Request) -> web.Response:
        """One version."""
        check_query(request, PARAMETERS)
        client = self._clients.of(request)
        asset, current = await self._one(request)
        return json_response(self._view(asset, current, client))

    async def url(self, request: web.Request) -> web.Response:
        """Where to get a version's image, or with `t` what that makes of it."""
        check_query(request, PARAMETERS | {"t"})
        client = self._clients.of(request)
        asset, _ = await self._one(request)
        resolved = self._resolver.asset(asset, client, request.query.get("t"))
        return json_response(structs.replace(resolved, image_url=UNSET))  # that leads to the current one

    async def rollback(self, request: web.Request) -> web.Response:
        """The asset as it is now: a new version like the older one."""
        check_query(request, PARAMETERS)
        order = await read_json(request, RollbackOrder, self._max_json_bytes)
        asset = await self._subjects.asset(request, asset_id_of(request))
        older = await self._subjects.version(request, asset, order.version)
        result = await self._edits.order(
            Rollback(
                asset_id=asset.record.asset_id,
                set=older.record.set,
                bucket=asset.record.bucket,
                seen=asset.record.version,
                version=older.record.content_version,
            )
        )
        return json_response(self._answers.view(request, result.records[-1], older.locations))

    async def delete(self, request: web.Request) -> web.Response:
        """200 once a node of the set has made it durable. There is no way back."""
        check_query(request, ())
        asset, current = await self._one(request)
        record = asset.record
        result = await self._edits.order(
            ForgetVersion(asset_id=record.asset_id, set=record.set, version=record.content_version)
        )
        stone = result.tombstones[0]
        if stone.version == current:
            current = await self._current(record.asset_id)
        return json_response(
            DeletedVersion(
                record.asset_id, stone.version, rfc3339(stone.deleted_at), result.node, current or None
            )
        )

    async def _current(self, asset_id: str) -> str:
        page = await self._catalog.versions(asset_id, None, 1)
        return page.current if page else ""

    async def _check_reach(self, request: web.Request, asset_id: str) -> None:
        """`NotFound` unless a limited key reaches the asset: a page behind its last version holds nothing by
        which that could be seen, and would tell that the asset exists."""
        if limited_key(request) is None:
            return
        newest = await self._catalog.versions(asset_id, None, 1)
        if newest is None or not newest.versions:
            raise _no_such_asset(asset_id)
        check_found(request, newest.versions[0].record)

    async def _one(self, request: web.Request) -> tuple[CatalogAsset, str]:
        """The version in the path, and which one is current."""
        asset_id, version = asset_id_of(request), _checked(request.match_info["version"], "version")
        found, key = await self._catalog.version(asset_id, version), limited_key(request)
        if found is None or (key and not key.reaches(found[0].record.bucket, found[0].record.public_id)):
            raise NotFound("There is no such version of this asset.", asset_id=asset_id, version=version)
        return found

    def _view(self, asset: CatalogAsset, current: str, client: Client) -> VersionView:
        fields = structs.asdict(shown(asset, self._resolver, client))
        content = asset.record.content_version
        return VersionView(**{**fields, "version": content}, current=content == current)


def _no_such_asset(asset_id: str) -> NotFound:
    return NotFound("There is no such asset.", asset_id=asset_id)


def _checked(text: str, name: str) -> str:
    try:
        return check_asset_id(text)
    except BadName as error:
        raise BadName(f"{name} is 26 of 0-9 and a-z", name=name, got=text[:80]) from error
