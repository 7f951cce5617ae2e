"""One upload: a ticket, the bytes straight to its node, and retries that make no second asset. I/O.

Which retry follows which failure is in `upload_rules`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

from atoll.backoff import Backoff
from atoll.client.query import QueryServices, Sleep
from atoll.client.sending import Sender, Sent
from atoll.client.source import Body
from atoll.client.upload_rules import Next, may_have_worked, next_step
from atoll.client.views import TicketView
from atoll.errors import (
    AtollError,
    Failed,
    NotFound,
)
from atoll.node_api import AssetView

TRIES = 12
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

Ticketed = Callable[[TicketView], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class UploadOrder:
    """What is asked of the query service: where the asset shall be and what it shall carry."""

    bucket: str
    public_id: str | None = None
    tags: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    durability: str | None = None
    eager: tuple[str, ...] = ()
    title: str = ""
    alt: str = ""
    overwrite: bool = True
    background: bool = False

    def body(self, size: int) -> dict[str, Any]:
        """As the body of `POST /v1/uploads`."""
        wanted: dict[str, Any] = {"bucket": self.bucket, "max_bytes": max(1, size)}
        if self.public_id is not None:
            wanted["public_id"] = self.public_id
        if self.durability is not None:
            wanted["durability"] = self.durability
        if self.background:
            wanted["async"] = True
        if not self.overwrite:
            wanted["overwrite"] = False
        if self.tags:
            wanted["tags"] = list(self.tags)
        if self.context:
            wanted["context"] = dict(self.context)
        if self.eager:
            wanted["eager"] = list(self.eager)
        wanted |= {"title": self.title} if self.title else {}
        wanted |= {"alt": self.alt} if self.alt else {}
        return wanted


class Uploader:
    """Makes uploads; holds no state between them."""

    def __init__(
        self,
        query: QueryServices,
        session: Callable[[], aiohttp.ClientSession],
        position: Mapping[str, str],
        *,
        uploaded: Callable[[AssetView], None] = lambda _: None,
        rng: random.Random | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`uploaded` is told every asset once it is acknowledged."""
        self._query, self._position, self._uploaded = query, position, uploaded
        self.sender = Sender(session)
        self._rng, self._sleep = rng or random.Random(), sleep

    async def upload(
        self,
        body: Body,
        order: UploadOrder,
        sent: Sent,
        *,
        ticket: TicketView | None = None,
        ticketed: Ticketed | None = None,
    ) -> AssetView:
        """The new asset. `sent` hears how many bytes have gone out (again from 0 at each try).

        `ticket` is one that an earlier process left behind, perhaps used; `ticketed` is awaited with every
        new one before any byte is sent. Raises what the services say, `FileUnusable`, `FileChanged`,
        `BodyMismatch`.
        """
        one = _Upload(self, body, order, sent, ticketed)
        asset = await one.run(ticket)
        self._uploaded(asset)
        return asset

    async def new_ticket(self, order: UploadOrder, size: int) -> TicketView:
        """A ticket for the node nearest to this client."""
        return await self._query.call(
            "POST", "/v1/uploads", TicketView, params=self._position, body=order.body(size)
        )

    async def stored_before(self, ticket: TicketView, body: Body) -> AssetView | None:
        """The asset that an earlier try with `ticket` made of the same bytes, as far as can be known."""
        try:
            path = f"/v1/assets/{quote(ticket.asset_id)}"
            asset = await self._query.call("GET", path, AssetView, headers={"Prefer": "wait=1"})
        except (NotFound, Failed):
            return None
        return asset if await body.digest() in (asset.sha256, asset.sent_sha256) else None

    async def pause(self, backoff: Backoff) -> None:
        """Wait before the next try."""
        await self._sleep(backoff.next())

    def backoff(self) -> Backoff:
        """The delays of one upload."""
        return Backoff(FIRST_PAUSE, LONGEST_PAUSE, self._rng)


class _Upload:
    """The course of one upload: which ticket it holds, how often that was tried, what is in doubt."""

    def __init__(
        self, uploader: Uploader, body: Body, order: UploadOrder, sent: Sent, ticketed: Ticketed | None
    ) -> None:
        self._uploader, self._body, self._order = uploader, body, order
        self._sent, self._ticketed = sent, ticketed
        self._ticket: TicketView | None = None
        self._tries, self._in_doubt, self._inherited = 0, False, False

    async def run(self, ticket: TicketView | None) -> AssetView:
        self._ticket = ticket
        self._in_doubt = self._inherited = ticket is not None
        backoff = self._uploader.backoff()
        for attempt in range(1, TRIES + 1):
            held = self._ticket or await self._fresh()
            try:
                self._tries += 1
                self._sent(0)
                return await self._uploader.sender.put(held, self._body, self._sent)
            except AtollError as error:
                known = await self._after(error, held, last=attempt == TRIES)
            if known is not None:
                return known
            await self._uploader.pause(backoff)
        raise AssertionError("the last try returns or raises")

    async def _fresh(self) -> TicketView:
        self._ticket = await self._uploader.new_ticket(self._order, self._body.size)
        self._tries, self._in_doubt, self._inherited = 0, False, False
        if self._ticketed is not None:
            await self._ticketed(self._ticket)
        return self._ticket

    async def _after(self, error: AtollError, held: TicketView, *, last: bool) -> AssetView | None:
        """Decide about the next try; the asset, if it turns out to be there already."""
        self._in_doubt = self._in_doubt or may_have_worked(error)
        step = next_step(
            error,
            self._tries,
            in_doubt=self._in_doubt and self._order.public_id is None,
            inherited=self._inherited,
        )
        if step is Next.GIVE_UP:
            raise error
        if step is Next.SAME_TICKET and not last:
            return None
        if self._in_doubt and (asset := await self._uploader.stored_before(held, self._body)):
            return asset
        if last:
            raise error
        self._ticket = None
        return None
