"""GET /v1/folders: the folders right below another one, for people who look around. Read from the catalog."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from atoll import names
from atoll.errors import BadRequest
from atoll.http import json_response
from query_service.catalog import Catalog
from query_service.cluster_view import Views
from query_service.key_reach import check_prefix
from query_service.query_input import check_query, checked_prefix, needed
from query_service.routing import Route


class FolderList(Struct, frozen=True):
    """The names of the folders below `prefix`, in order. Not `complete`: there are more, or so many images
    lie beside them that not all were looked at.
    """

    bucket: str
    prefix: str
    folders: tuple[str, ...]
    complete: bool


class FoldersApi:
    """`most` folders are told, after a look at `looked` names."""

    def __init__(self, catalog: Catalog, views: Views, most: int, looked: int) -> None:
        self._catalog, self._views, self._most, self._looked = catalog, views, most, looked

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/v1/folders", "read", self.show, reach="inside")]

    async def show(self, request: web.Request) -> web.Response:
        """Of one bucket and prefix."""
        check_query(request, {"bucket", "prefix"})
        bucket, prefix = names.check_bucket(needed(request, "bucket")), request.query.get("prefix", "")
        prefix = checked_prefix(prefix)
        if prefix and not prefix.endswith("/"):
            raise BadRequest("A folder ends with a slash.", parameter="prefix", got=prefix[:80])
        check_prefix(request, bucket, prefix)
        self._views.current().cluster.bucket(bucket)
        page = await self._catalog.folders(bucket, prefix, self._most, self._looked)
        return json_response(FolderList(bucket, prefix, page.names, page.complete))
