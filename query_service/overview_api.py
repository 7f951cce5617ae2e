"""/v1/overview: the whole cluster in one look, once or as server-sent events; and acknowledging an alert.

Reading needs the scope `read`: what a monitor says of nodes, regions and engines holds nothing of a bucket.
Acknowledging needs `admin`, as at the monitor itself, and is recorded: it stops the reminders of an alert.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from atoll.http import SAFE_HEADERS, json_response, read_json
from atoll.monitor_api import AlertName, RelayedAcknowledgement, Why
from query_service.audit_guard import audit_facts
from query_service.event_streams import EventStreams, Word
from query_service.key_reach import API_KEY
from query_service.monitor_link import MonitorLink
from query_service.overview import OverviewDesk
from query_service.query_input import check_query, whole_number
from query_service.routing import Route

LOOK_SECONDS = 1.0
LONGEST_SECONDS = 300  # so long a key that is revoked may still look on
_HEADERS = {**SAFE_HEADERS, "Content-Type": "application/json", "Cache-Control": "no-store"}


class AcknowledgeOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Which alert, by its key or its id, and why."""

    alert: AlertName
    why: Why = ""


class OverviewApi:
    """Shows the cluster to the web app, and passes on who sees to an alert."""

    def __init__(
        self, desk: OverviewDesk, link: MonitorLink, streams: EventStreams, max_json_bytes: int
    ) -> None:
        self._desk, self._link, self._streams = desk, link, streams
        self._max_json_bytes = max_json_bytes

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("GET", "/v1/overview", "read", self.overview, reach="cluster"),
            Route("GET", "/v1/overview/events", "read", self.events, reach="cluster"),
            Route("POST", "/v1/alerts/acknowledge", "admin", self.acknowledge, reach="whole"),
        ]

    async def overview(self, request: web.Request) -> web.Response:
        """As it is now."""
        check_query(request, ())
        return web.Response(body=await self._desk.current(), headers=_HEADERS)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The same at every change, for `seconds`."""
        check_query(request, {"seconds"})
        longest = whole_number(request, "seconds", LONGEST_SECONDS, 0, LONGEST_SECONDS)
        return await self._streams.answer(
            request, self._look, key=request[API_KEY].id, every=LOOK_SECONDS, longest=longest
        )

    async def _look(self) -> Word:
        return Word("overview", await self._desk.current())

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Say that somebody sees to an alert: no reminders, no escalation."""
        check_query(request, ())
        order = await read_json(request, AcknowledgeOrder, self._max_json_bytes)
        audit_facts(request, alert=order.alert)
        relayed = RelayedAcknowledgement(order.alert, request[API_KEY].id, order.why)
        told = await self._link.acknowledge(relayed)
        self._desk.drop()
        return json_response(told)
