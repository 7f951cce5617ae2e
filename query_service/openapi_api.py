"""GET /openapi.json: what this service can be asked, for people, generators and tests.

Anonymous: it is the same for everybody and says nothing of this cluster. `make openapi` writes the same
document to docs/openapi.json, and a test compares the two.
"""

from __future__ import annotations

import json
import sys

from aiohttp import web

from atoll.http import SAFE_HEADERS
from query_service.openapi import document
from query_service.openapi_keys import KEYS
from query_service.openapi_operations import ASSETS, CLUSTER, SERVICE
from query_service.openapi_shapes import PARAMETERS, Unresolved
from query_service.openapi_upkeep import PROOF, UPKEEP
from query_service.routing import Route


def text() -> str:
    """The document as served, in JSON."""
    whole = document((*ASSETS, *CLUSTER, *KEYS, *PROOF, *UPKEEP, *SERVICE), PARAMETERS, (Unresolved,))
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


class OpenApi:
    """Serves the document."""

    def __init__(self) -> None:
        self._body = text().encode()

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/openapi.json", None, self.show, reach="anyone")]

    async def show(self, _: web.Request) -> web.Response:
        """The document."""
        headers = {**SAFE_HEADERS, "Cache-Control": "public, max-age=300"}
        return web.Response(body=self._body, content_type="application/json", headers=headers)


if __name__ == "__main__":
    sys.stdout.write(text())
