"""New nodes: POST /v1/join-tokens for administrators, POST /v1/join for the machine that got one.

Owns the invitation and the grant; its entry in the map the node makes itself. Refuses a name that the map has
(a removed node's too). The answer to /v1/join is encrypted for who has the token (atoll/join_tokens.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Conflict
from atoll.http import json_response, read_json
from atoll.join_book import JoinBook
from atoll.join_tokens import (
    MAX_TOKEN_SECONDS,
    MIN_TOKEN_SECONDS,
    JoinClaims,
    JoinGrant,
    JoinRequest,
    read_request,
    seal_grant,
)
from atoll.model import Label
from atoll.node_api import rfc3339
from atoll.settings import read_secret
from atoll.signing import Keys, base64url
from query_service.audit_guard import audit_facts
from query_service.query_input import check_query
from query_service.routing import Route
from query_service.settings import QuerySettings

log = logging.getLogger(__name__)

MAX_BODY = 4096
FRESH = {"Cache-Control": "no-store"}


class JoinTokenOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Which node may join: its name, an existing region, a set that exists or begins with it."""

    node: Label
    region: Label
    set: Label
    expires_in: Annotated[int, Meta(ge=MIN_TOKEN_SECONDS, le=MAX_TOKEN_SECONDS)] = 3600


class JoinTokenView(Struct, frozen=True):
    """The token, shown this once."""

    token: str
    node: Label
    region: Label
    set: Label
    expires_at: str


class JoinApi:
    """Its two routes."""

    def __init__(
        self,
        settings: QuerySettings,
        keys: Keys,
        cluster: LiveClusterMap,
        book: JoinBook,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings, self._keys, self._live, self._book = settings, keys, cluster, book
        self._now_ms = now_ms
        self._secret = base64url(read_secret(settings.cluster_secret_file))
        password = settings.join_nats_password_file
        self._password = read_secret(password, min_bytes=1).decode() if password else None

    def routes(self) -> list[Route]:
        """The token is what lets in at /v1/join: no API key is there yet."""
        return [
            Route("POST", "/v1/join-tokens", "admin", self.invite, reach="whole"),
            Route("POST", "/v1/join", None, self.join, reach="anyone"),
        ]

    @property
    def _map(self) -> ClusterMap:
        return self._live.current

    async def invite(self, request: web.Request) -> web.Response:
        """Make a token; the one before for the same node is worthless from now on."""
        check_query(request, ())
        order = await read_json(request, JoinTokenOrder, MAX_BODY)
        audit_facts(request, node=order.node, region=order.region, set=order.set)
        self._map.region(order.region)
        self._check_free(order.node)
        expires_at = self._now_ms() + order.expires_in * 1000
        token = await self._book.invite(order.node, order.region, order.set, expires_at)
        view = JoinTokenView(token, order.node, order.region, order.set, rfc3339(expires_at))
        return json_response(view, status=201, headers=FRESH)

    async def join(self, request: web.Request) -> web.Response:
        """Everything a new node's settings need, for a token that was never used."""
        check_query(request, ())
        order = await read_json(request, JoinRequest, MAX_BODY)
        claims = read_request(order, self._keys, self._now_ms())
        place = self._map.region(claims.region)
        await self._book.admit(claims, order.installation)
        log.info("node %s joins set %s", claims.node, claims.set, extra={"region": claims.region})
        grant = self._grant(claims, place.lat, place.lon)
        return json_response(seal_grant(grant, order, self._keys), headers=FRESH)

    def _check_free(self, node: str) -> None:
        if node in self._map.nodes:
            raise Conflict(
                "The cluster has, or had, a node of this name; give the new one another.", node=node
            )

    def _grant(self, claims: JoinClaims, lat: float, lon: float) -> JoinGrant:
        known = self._settings
        return JoinGrant(
            claims.node,
            claims.region,
            claims.set,
            lat,
            lon,
            self._secret,
            known.join_nats_url or known.nats_url,
            known.join_nats_user,
            self._password,
            known.nats_map_domain,
            known.nats_replicas,
        )
