"""/v1/nodes, /v1/sets, /v1/regions: the cluster as this service sees it now.

Reads the map and the health table; needs no database.
"""

from __future__ import annotations

from aiohttp import web

from atoll.http import json_response
from query_service.cluster_sight import ClusterSight
from query_service.query_input import check_query
from query_service.routing import Route


class ClusterApi:
    """Shows the cluster."""

    def __init__(self, sight: ClusterSight) -> None:
        self._sight = sight

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("GET", "/v1/nodes", "read", self.nodes, reach="cluster"),
            Route("GET", "/v1/sets", "read", self.sets, reach="cluster"),
            Route("GET", "/v1/regions", "read", self.regions, reach="cluster"),
        ]

    async def nodes(self, request: web.Request) -> web.Response:
        """Every node the map knows, removed ones too, by name."""
        check_query(request, ())
        return json_response({"nodes": self._sight.nodes()})

    async def sets(self, request: web.Request) -> web.Response:
        """Every set with its members."""
        check_query(request, ())
        return json_response({"sets": self._sight.sets()})

    async def regions(self, request: web.Request) -> web.Response:
        """Every region with its nodes."""
        check_query(request, ())
        return json_response({"regions": self._sight.regions()})
