"""GET /openapi.json, /openapi-node.json and /docs: what can be asked, for generators, tests and people.

Anonymous: it is the same for everybody and says nothing of this cluster. `make openapi` writes the same
documents to docs/, and a test compares them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from atoll.http import SAFE_HEADERS
from query_service.openapi import Operation
from query_service.openapi_about import NODE, QUERY
from query_service.openapi_buckets import BUCKETS
from query_service.openapi_document import document
from query_service.openapi_jobs import JOBS, WEBHOOKS
from query_service.openapi_keys import KEYS
from query_service.openapi_node import NODE_OPERATIONS
from query_service.openapi_node_shapes import NODE_PARAMETERS
from query_service.openapi_operations import ASSETS, CLUSTER, SERVICE
from query_service.openapi_overview import OVERVIEW
from query_service.openapi_page import CONTENT_SECURITY, page
from query_service.openapi_shapes import PARAMETERS, Unresolved
from query_service.openapi_upkeep import PROOF, UPKEEP
from query_service.openapi_versions import VERSIONS
from query_service.openapi_web import WEB
from query_service.routing import Route

OPERATIONS: tuple[Operation, ...] = (
    *ASSETS,
    *VERSIONS,
    *CLUSTER,
    *OVERVIEW,
    *BUCKETS,
    *KEYS,
    *JOBS,
    *WEBHOOKS,
    *PROOF,
    *UPKEEP,
    *WEB,
    *SERVICE,
)
_CACHED = {**SAFE_HEADERS, "Cache-Control": "public, max-age=300"}


def query_document() -> dict[str, Any]:
    """What a query service is asked."""
    return document(QUERY, OPERATIONS, PARAMETERS, (Unresolved,))


def node_document() -> dict[str, Any]:
    """What clients ask of a node."""
    return document(NODE, NODE_OPERATIONS, NODE_PARAMETERS)


def text(whole: dict[str, Any] | None = None) -> str:
    """A document as served, in JSON; the query service's own unless another is given."""
    return json.dumps(whole or query_document(), indent=1, ensure_ascii=False) + "\n"


class OpenApi:
    """Serves the documents and their page."""

    def __init__(self) -> None:
        query, node = query_document(), node_document()
        self._query, self._node = text(query).encode(), text(node).encode()
        self._page = page(query, node).encode()

    def routes(self) -> list[Route]:
        """All three."""
        return [
            Route("GET", "/openapi.json", None, self.show, reach="anyone"),
            Route("GET", "/openapi-node.json", None, self.show_node, reach="anyone"),
            Route("GET", "/docs", None, self.show_page, reach="anyone"),
        ]

    async def show(self, _: web.Request) -> web.Response:
        """The query service's document."""
        return web.Response(body=self._query, content_type="application/json", headers=_CACHED)

    async def show_node(self, _: web.Request) -> web.Response:
        """The nodes' document."""
        return web.Response(body=self._node, content_type="application/json", headers=_CACHED)

    async def show_page(self, _: web.Request) -> web.Response:
        """Both, to read."""
        headers = {**_CACHED, **CONTENT_SECURITY}
        return web.Response(body=self._page, content_type="text/html", charset="utf-8", headers=headers)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "openapi.json").write_text(text(), encoding="utf-8")
    (folder / "openapi-node.json").write_text(text(node_document()), encoding="utf-8")
