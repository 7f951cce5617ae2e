"""GET /health: whether this service answers, and which engines it sees. For load balancers and people.

Always 200 while the process serves: with engines down it still answers much, and a balancer that took it
out would make a bad day worse. Anonymous, so it tells no more than names and yes or no.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from aiohttp import web

from atoll.cluster_map import LiveClusterMap
from atoll.health import HealthTable
from atoll.http import json_response
from atoll.version import __version__
from query_service.routing import Route


class ServiceHealth:
    """`engines`: per engine a question that is answered at once."""

    def __init__(
        self,
        name: str,
        region: str,
        cluster: LiveClusterMap,
        health: HealthTable,
        engines: Mapping[str, Callable[[], bool]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._who = {"name": name, "region": region, "version": __version__}
        self._cluster, self._health, self._engines, self._clock = cluster, health, engines, clock

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/health", None, self.show, reach="anyone")]

    async def show(self, _: web.Request) -> web.Response:
        """The state of now."""
        now = self._clock()
        nodes = [node.name for node in self._cluster.current.nodes.values() if node.state != "removed"]
        engines = {engine: is_up() for engine, is_up in self._engines.items()}
        return json_response(
            {
                "status": "ok" if all(engines.values()) else "degraded",
                **self._who,
                "engines": engines,
                "nodes": len(nodes),
                "healthy_nodes": sum(self._health.state(name, now) == "healthy" for name in nodes),
            },
            headers={"Cache-Control": "no-store"},
        )
