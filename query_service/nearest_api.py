"""GET /v1/nearest: who would serve a client at some place, set by set, and where its uploads would go.

The same plans that resolving and tickets go by (cluster_view.py, atoll/placement.py), without an image. Where
two nodes are equally near the dice fall anew for each answer, as they do for clients. Needs no database.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from aiohttp import web
from msgspec import Struct

from atoll.http import json_response
from atoll.model import Position
from atoll.placement import order_candidates
from query_service.cluster_view import ClusterView, Spot
from query_service.query_input import POSITION, check_query
from query_service.routing import Route


class Server(Struct, frozen=True):
    """A node, and how far away its region is. `suspect`: it gives no sign of life."""

    node: str
    region: str
    distance_km: float
    suspect: bool = False


class SetServers(Struct, frozen=True):
    """Who of a set serves a client there, best first; the others stand in when the first fails.

    `upload`: the node that takes an upload into this set; null: none does now.
    """

    set: str
    sealed: bool
    servers: list[Server]
    upload: str | None


class NearestView(Struct, frozen=True):
    """What it is like at a place. Into which of its sets a new image goes, free space and the dice decide."""

    lat: float
    lon: float
    sets: list[SetServers]


class NearestApi:
    """`view`: the cluster now; `position`: where a request's client is, or says it is."""

    def __init__(
        self,
        view: Callable[[], ClusterView],
        position: Callable[[web.Request], Position],
        rng: random.Random,
    ) -> None:
        self._view, self._position, self._rng = view, position, rng

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/v1/nearest", "read", self.nearest, reach="cluster")]

    async def nearest(self, request: web.Request) -> web.Response:
        """For `lat` and `lon`, for a `region`, or for whoever asks."""
        check_query(request, POSITION)
        client, view = self._position(request), self._view()
        sets = [self._set(view, name, client) for name in sorted(view.cluster.sets)]
        answer = NearestView(lat=client.lat, lon=client.lon, sets=sets)
        return json_response(answer, headers={"Cache-Control": "no-store"})

    def _set(self, view: ClusterView, name: str, client: Position) -> SetServers:
        sealed = view.cluster.sets[name].sealed
        return SetServers(
            set=name,
            sealed=sealed,
            servers=[_server(spot) for spot in view.plan(client, name, None).spots(self._rng)],
            upload=None if sealed else self._taker(view, name, client),
        )

    def _taker(self, view: ClusterView, name: str, client: Position) -> str | None:
        order = order_candidates(client, view.writable(name), self._rng)
        return order[0].node.name if order else None


def _server(spot: Spot) -> Server:
    return Server(spot.node, spot.region, spot.km, spot.suspect)
