"""Where a client is: ?lat=&lon= or ?region=, else a trusted proxy's word, else GeoIP, else our own region.

Owns the order and what is believed. Headers count only from peers in `trusted_proxies`; wrong numbers
from the client are its mistake (400), from a proxy they are passed over. Called by every handler that
orders nodes, so the common case (nothing given, no proxy, no GeoIP) costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from atoll.client_address import FORWARDED_FOR, ClientAddress
from atoll.cluster import ClusterMap
from atoll.errors import BadRequest, Unavailable
from atoll.http import query_number
from atoll.model import Position, Region
from atoll.networks import Address, plain_address
from query_service.geoip import Locator


@dataclass(frozen=True)
class ProxyTrust:
    """Whose headers are believed (CIDR networks), and which headers give a position."""

    networks: Sequence[str] = ()
    lat_header: str | None = None
    lon_header: str | None = None


class PositionFinder:
    """Finds a client's position from its request."""

    def __init__(
        self,
        cluster: Callable[[], ClusterMap],
        own_region: str,
        trust: ProxyTrust,
        geoip: Locator | None,
    ) -> None:
        self._cluster, self._own_region, self._geoip = cluster, own_region, geoip
        self._addresses = ClientAddress(trust.networks)
        self._headers = (trust.lat_header, trust.lon_header)
        self._own: tuple[Region | None, Position | None] = (None, None)
        self._simple = not self._addresses and geoip is None

    def of(self, request: web.Request) -> Position:
        """The client's position. `BadRequest` for numbers or a region that are wrong."""
        if request.query_string and (asked := self._asked(request)):
            return asked
        return self.own() if self._simple else self._by_connection(request) or self.own()

    def address(self, request: web.Request) -> str:
        """The client's address: the connection's, or behind a trusted proxy what that says."""
        return self._addresses.of(request) or request.remote or ""

    def proven_address(self, request: web.Request) -> str:
        """The same for who must be somewhere: "" when a proxy does not say who called it."""
        return self._addresses.of(request)

    def chosen(self, lat: float | None, lon: float | None, region: str | None) -> Position | None:
        """The position a client names in numbers or as a region; None when it names none."""
        if (lat is None) != (lon is None):
            raise BadRequest("lat and lon come together.", parameter="lon" if lon is None else "lat")
        if lat is not None and lon is not None:
            return Position(lat, lon)
        return None if region is None else self._region(region)

    def own(self) -> Position:
        """Where this service stands. `Unavailable` while no cluster map was ever seen."""
        known = self._cluster().regions.get(self._own_region)
        if known is not self._own[0]:
            self._own = (known, known.position if known else None)
        if self._own[1] is None:
            raise Unavailable("The cluster map is not known here yet.", retry_after=1)
        return self._own[1]

    def vary(self, request: web.Request) -> str | None:
        """The headers that this request's position depends on, as the value of `Vary`; None for none."""
        if (
            self._simple
            or (request.query_string and self._asked(request))
            or not self._addresses.is_proxied(request)
        ):
            return None
        return ", ".join([*(header for header in self._headers if header), FORWARDED_FOR])

    def _asked(self, request: web.Request) -> Position | None:
        return self.chosen(
            query_number(request, "lat", -90, 90),
            query_number(request, "lon", -180, 180),
            request.query.get("region"),
        )

    def _region(self, name: str) -> Position:
        known = self._cluster().regions.get(name)
        if known is None:
            raise BadRequest(f"There is no region {name[:40]!r}.", parameter="region", got=name[:40])
        return known.position

    def _by_connection(self, request: web.Request) -> Position | None:
        peer = plain_address(request.remote or "")
        if peer is None:
            return None
        if not self._addresses.trusts(peer):
            return self._locate(peer)
        return self._told(request) or self._locate(self._addresses.behind(request))

    def _told(self, request: web.Request) -> Position | None:
        lat, lon = (request.headers.get(header) if header else None for header in self._headers)
        try:
            place = Position(float(lat or "nan"), float(lon or "nan"))
        except ValueError:
            return None
        return place if -90 <= place.lat <= 90 and -180 <= place.lon <= 180 else None

    def _locate(self, address: Address | None) -> Position | None:
        return self._geoip.locate(str(address)) if self._geoip and address else None
