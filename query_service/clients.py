"""Who asks, as the resolver needs to know it: position, and how long a signed URL shall be valid.

Owns the rule for `expires_in`. Called by every handler that answers with URLs.
"""

from __future__ import annotations

from aiohttp import web

from atoll.errors import BadRequest
from atoll.networks import canonical_network
from query_service.key_reach import limited_key
from query_service.position import PositionFinder
from query_service.query_input import POSITION, whole_number
from query_service.url_signer import Client
from query_service.wire import ResolveOrder

PARAMETERS = POSITION | {"expires_in", "net"}


class Clients:
    """Reads the client out of a request. Times in seconds."""

    def __init__(self, positions: PositionFinder, signed_url_seconds: int, max_seconds: int) -> None:
        self._positions = positions
        self._seconds, self._max_seconds = min(signed_url_seconds, max_seconds), max_seconds

    def of(self, request: web.Request) -> Client:
        """The client of a request that has everything in its query string."""
        seconds, net = self._seconds, ""
        if request.query_string:
            seconds = whole_number(request, "expires_in", seconds, 1, self._max_seconds)
            net = request.query.get("net", "")
        net = canonical_network(net) if net else net
        return Client(self._positions.of(request), seconds, key=limited_key(request), net=net)

    def ordering(self, request: web.Request, order: ResolveOrder) -> Client:
        """The client of a batch: what the body says wins over the query string."""
        if order.expires_in is not None and order.expires_in > self._max_seconds:
            raise BadRequest(
                f"expires_in is at most {self._max_seconds} s.",
                parameter="expires_in",
                limit=self._max_seconds,
                got=order.expires_in,
            )
        client = self.of(request)
        chosen = self._positions.chosen(order.lat, order.lon, order.region)
        net = canonical_network(order.net) if order.net else client.net
        seconds = order.expires_in or client.seconds
        return client._replace(position=chosen or client.position, seconds=seconds, net=net)
