"""What a worker has no machinery for and asks home instead: judging copies, making derivatives, what
comes from peers, and what is to be done for an upload once it is durable.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

from atoll.durability import LOCAL
from atoll.errors import Undecodable
from atoll.model import AssetRecord
from atoll.node_api import AssetView
from atoll.signing import Ticket
from storage_node.blob_address import BlobAddress
from storage_node.derivative import Derivative
from storage_node.derivative_making import Made
from storage_node.derivative_refusals import RefusedDerivatives
from storage_node.derivative_resolution import Wanted
from storage_node.derivative_wire import Question, path_of
from storage_node.fetch import Fetched
from storage_node.origin import Origin
from storage_node.peers import MapView
from storage_node.pull_outcome import Kept
from storage_node.quarantine import Verdict
from storage_node.upload_answer import Acknowledger
from storage_node.verified_read import BadCopy
from storage_node.workers import wire
from storage_node.workers.connection import GoHome
from storage_node.workers.link import Link


class HomeQuarantine:
    """Home judges (quarantine.py), and tells all processes to forget."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def judge(self, bad: BadCopy) -> Verdict:
        """See `Quarantine.judge`."""
        key = bad.held.key
        doubt = wire.Doubt(key.bucket, key.sha256, key.ext, bad.reason)
        return Verdict(wire.decode(await self._link.call(wire.JUDGE, wire.encode(doubt)), str))


class HomePuller:
    """What is not here home gets: the request goes there."""

    @asynccontextmanager
    async def through(self, address: BlobAddress, *, keep: bool) -> AsyncIterator[Kept | Fetched]:
        """See `Puller.through`."""
        raise GoHome
        yield  # an asynccontextmanager is a generator


class HomeMaker:
    """Home has what is kept, and makes what is not (`Maker`)."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._refused = RefusedDerivatives(time.monotonic)

    async def find(self, wanted: Wanted) -> Derivative | None:
        """See `Maker.find`."""
        answer = await self._link.call(wire.FIND, _question(wanted))
        return msgspec.msgpack.decode(answer, type=Derivative | None)

    def is_refused(self, wanted: Wanted) -> bool:
        """See `Maker.is_refused`."""
        try:
            self._refused.check(wanted.key)
        except Undecodable:
            return True
        return False

    async def order(self, wanted: Wanted) -> None:
        """Have it made and kept at home, when there is nothing else to do."""
        await self._link.call(wire.DERIVE, _question(wanted, patient=True))

    async def make(self, wanted: Wanted, *, alone: bool = False, patient: bool = False) -> Made:
        """See `Maker.make`. What is too large for the link, the client gets from home."""
        self._refused.check(wanted.key)
        try:
            answer = await self._link.call(wire.DERIVE, _question(wanted, patient=patient))
        except Undecodable as error:
            self._refused.remember(wanted.key, error)
            raise
        derived = wire.decode(answer, wire.Derived)
        if derived.body is None:
            raise GoHome
        return Made(derived.derivative, derived.body, _ORIGINS[derived.origin])


_ORIGINS: dict[str, Literal["disk", "peer", "rendered"]] = {
    "disk": "disk",
    "peer": "peer",
    "rendered": "rendered",
}


def _question(wanted: Wanted, *, patient: bool = False) -> bytes:
    return path_of(Question(wanted, patient)).encode()


class HomeAcknowledger(Acknowledger):
    """An upload that asks for nothing more is answered here; home's commit has told who makes derivatives."""

    def __init__(self, public_url: str, origin: Origin, cluster: MapView, link: Link) -> None:
        super().__init__(public_url, origin, cluster, confirmer=None)
        self._link = link

    async def confirmed(self, record: AssetRecord, ticket: Ticket) -> AssetView:
        """See `Acknowledger.confirmed`."""
        if asks_nothing_more(ticket):
            return await super().confirmed(record, ticket)
        answer = await self._link.call(wire.ACKNOWLEDGE, wire.encode(wire.Stored(record, ticket)))
        return wire.decode(answer, AssetView)


def asks_nothing_more(ticket: Ticket) -> bool:
    """Whether the upload is done when it is durable here."""
    return ticket.durability == LOCAL and not ticket.background
