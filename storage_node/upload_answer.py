"""What a stored upload is answered with: the asset, and where else it lies if the ticket asks for that.

Called by every route that takes bytes from clients, once the asset is durable here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import UNSET

from atoll.durability import LOCAL
from atoll.errors import NodeRemoved
from atoll.model import AssetRecord
from atoll.node_api import AssetView, DurabilityView, JobStarted, view_of
from atoll.signing import Ticket
from storage_node.durability import Confirmer
from storage_node.origin import Origin
from storage_node.peers import MapView


class Background(Protocol):
    """Makes a job of what else is to be done for an image; see jobs/uploads.py."""

    async def begin(self, record: AssetRecord, ticket: Ticket) -> JobStarted: ...


class Acknowledger:
    """`stored` is told of each image that is about to be acknowledged. `public_url`: this node's."""

    def __init__(
        self,
        public_url: str,
        origin: Origin,
        cluster: MapView,
        confirmer: Confirmer | None,
        stored: Callable[[AssetRecord, Ticket], None] = lambda _record, _ticket: None,
        background: Background | None = None,
    ) -> None:
        self._url, self._origin, self._cluster = public_url, origin, cluster
        self._confirmer, self._stored, self._background = confirmer, stored, background

    async def confirmed(self, record: AssetRecord, ticket: Ticket) -> AssetView:
        """The stored upload as shown; if the ticket asks for more regions, with what they confirmed."""
        self._check_member()
        if ticket.background and self._background is not None:
            return await self._begun(record, ticket, self._background)
        self._stored(record, ticket)
        if ticket.durability == LOCAL or self._confirmer is None:
            return self.view(record)
        confirmed = await self._confirmer.confirm(record, ticket.durability)
        told = DurabilityView(ticket.durability, confirmed.regions, confirmed.enough)
        return msgspec.structs.replace(view_of(record, self._url, confirmed.locations), durability=told)

    async def _begun(self, record: AssetRecord, ticket: Ticket, background: Background) -> AssetView:
        """Nobody is waited for: the other regions take it as they do any upload."""
        view = msgspec.structs.replace(self.view(record), job=await background.begin(record, ticket))
        if ticket.durability == LOCAL:
            return view
        told = DurabilityView(ticket.durability, (self._origin.region,), complete=False)
        return msgspec.structs.replace(view, durability=told)

    def view(self, record: AssetRecord) -> AssetView:
        """The same without asking anybody."""
        return view_of(record, self._url)

    def _check_member(self) -> None:
        """A node that was removed meanwhile tells nobody of this upload: it may not be acknowledged."""
        me = self._cluster.current.nodes.get(self._origin.node)
        if me is not None and me.state == "removed":
            raise NodeRemoved(
                "This node was removed from the cluster during the upload. Upload again, with a new ticket.",
                node=me.name,
            )


def status_of(asset: AssetView) -> int:
    """202: it is stored here and kept, but not yet where the upload asked for, or a job is at the rest."""
    if asset.job is not UNSET:
        return 202
    told = asset.durability
    return 202 if told is not UNSET and not told.complete else 201
