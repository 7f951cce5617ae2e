"""Who may upload here now: who has a ticket for this node, while it is not being drained and has a place.

Called by every route that takes bytes from clients (uploads_api.py, tus_api.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge

from atoll.errors import BadRequest, Overloaded, TicketInvalid, Unavailable, WrongNode
from atoll.signing import Keys, Ticket, open_ticket
from storage_node.cors import UploadPages
from storage_node.offline_tickets import check_takes, is_offline, offline_bucket, offline_ticket
from storage_node.origin import Origin
from storage_node.peers import MapView


class Places(Protocol):
    """Where the processes of a node tell each other how many uploads they serve (workers/board.py)."""

    @property
    def under_way_elsewhere(self) -> int: ...

    def tell(self, *, under_way: int) -> None: ...


class _Alone:
    """The node is one process."""

    under_way_elsewhere = 0

    def tell(self, *, under_way: int) -> None:
        """Nobody asks."""


class UploadDoor:
    """`max_uploads` places, for all kinds of uploads and all of the node's processes together."""

    def __init__(
        self,
        keys: Keys,
        origin: Origin,
        cluster: MapView,
        max_uploads: int,
        registry: CollectorRegistry,
        places: Places | None = None,
    ) -> None:
        self._keys, self._origin, self._cluster, self._max = keys, origin, cluster, max_uploads
        self._places = places or _Alone()
        self._under_way = 0
        gauge = Gauge("atoll_uploads_under_way", "Requests that upload now.", registry=registry)
        gauge.set_function(lambda: self._under_way)

    @property
    def under_way(self) -> int:
        """Upload requests being served now."""
        return self._under_way + self._places.under_way_elsewhere

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places; `Overloaded` when all are taken."""
        if self.under_way >= self._max:
            raise Overloaded("This node takes no more uploads at once.", limit=self._max, retry_after=1)
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        self._under_way += more
        self._places.tell(under_way=self._under_way)

    def ticket(self, request: web.Request, in_form: str | None = None) -> Ticket:
        """The ticket that `request` brings, or its form, if it opens this node now."""
        token = request.query.get("ticket") or in_form
        if not token:
            raise TicketInvalid(
                "Add ?ticket=… to the URL, or the field `ticket` to the form, before the file."
                " The query service gives tickets: POST /v1/uploads."
            )
        now, current = self._origin.now_ms(), self._cluster.current
        signed_offline = is_offline(token)
        if signed_offline:
            ticket = offline_ticket(token, self._keys, current, now)
        else:
            ticket = open_ticket(token, self._keys, now)
        if (ticket.node, ticket.set) != (self._origin.node, self._origin.set):
            here = f"{self._origin.node} of set {self._origin.set}"
            raise WrongNode(
                f"This ticket is for node {ticket.node} of set {ticket.set}; this is {here}.",
                node=ticket.node,
            )
        if signed_offline:
            check_takes(current, ticket.set)
        self.check_open(request)
        return ticket

    def pages(self, request: web.Request) -> UploadPages:
        """Whose pages may use the ticket of `request`, expired or for another node; `TicketInvalid`."""
        token = request.query.get("ticket", "")
        if is_offline(token):
            return UploadPages(offline_bucket(token, self._keys, self._cluster.current))
        ticket = open_ticket(token, self._keys, 0)
        return UploadPages(ticket.bucket, ticket.origin)

    def check_open(self, request: web.Request) -> None:
        """`Unavailable` while the node is being drained; `BadRequest` for bodies that are packed."""
        self.check_draining()
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BadRequest("Send the image's own bytes, without Content-Encoding.")

    def check_draining(self) -> None:
        """`Unavailable` while the node is being drained."""
        me = self._cluster.current.nodes.get(self._origin.node)
        if me is not None and me.state == "draining":
            raise Unavailable(
                "This node is being drained and takes no uploads. Ask for a new ticket.", retry_after=1
            )
