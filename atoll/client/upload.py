"""One upload: a ticket, the bytes straight to its node, and retries that make no second asset. I/O.

Which retry follows which failure is in `upload_rules`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from atoll.backoff import Backoff
from atoll.client.connection import (
    SILENCE_SECONDS,
    BrokeOff,
    reaching,
    read_answer,
    silence_only,
)
from atoll.client.query import QueryServices, Sleep
from atoll.client.source import Body
from atoll.client.upload_rules import Next, may_have_worked, next_step
from atoll.client.views import TicketView
from atoll.errors import (
    AtollError,
    BodyMismatch,
    Failed,
    NotFound,
)
from atoll.node_api import AssetView

TRIES = 12
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
ASK_FIRST_BYTES = 2**20  # a refused ticket should cost no more than this; below, a round trip is dearer

Sent = Callable[[int], None]
Ticketed = Callable[[TicketView], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class UploadOrder:
    """What is asked of the query service: where the asset shall be and what it shall carry."""

    bucket: str
    public_id: str | None = None
    tags: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)

    def body(self, size: int) -> dict[str, Any]:
        """As the body of `POST /v1/uploads`."""
        wanted: dict[str, Any] = {"bucket": self.bucket, "max_bytes": max(1, size)}
        if self.public_id is not None:
            wanted["public_id"] = self.public_id
        if self.tags:
            wanted["tags"] = list(self.tags)
        if self.context:
            wanted["context"] = dict(self.context)
        return wanted


class Uploader:
    """Makes uploads; holds no state between them."""

    def __init__(
        self,
        query: QueryServices,
        session: Callable[[], aiohttp.ClientSession],
        position: Mapping[str, str],
        *,
        rng: random.Random | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._query, self._session, self._position = query, session, position
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
        new one before any byte is sent. Raises what the services say, `FileUnusable`, `BodyMismatch`.
        """
        one = _Upload(self, body, order, sent, ticketed)
        return await one.run(ticket)

    async def new_ticket(self, order: UploadOrder, size: int) -> TicketView:
        """A ticket for the node nearest to this client."""
        return await self._query.call(
            "POST", "/v1/uploads", TicketView, params=self._position, body=order.body(size)
        )

    async def stored_before(self, ticket: TicketView, body: Body) -> AssetView | None:
        """The asset that an earlier try with `ticket` made of the same bytes, as far as can be known."""
        try:
            asset = await self._query.call("GET", f"/v1/assets/{quote(ticket.asset_id)}", AssetView)
        except (NotFound, Failed):
            return None
        return asset if asset.sha256 == await body.digest() else None

    async def put(self, ticket: TicketView, body: Body, sent: Sent) -> AssetView:
        """One try: all bytes to the ticket's node."""
        headers = {"Content-Length": str(body.size), "Content-Type": body.content_type}
        if body.filename is not None:
            headers["X-Atoll-Filename"] = quote(body.filename, safe="")
        body.error = None
        try:
            async with _watched(sent) as moved:
                asset = await self._request(ticket, headers, body.size, body.pieces(moved))
        except BrokeOff:
            if body.error is not None:  # it broke off because we could not go on
                raise body.error from None
            raise
        if body.sha256 is not None and asset.sha256 != body.sha256:
            raise BodyMismatch(
                "The node stored other bytes than were sent.", got=asset.sha256, sent=body.sha256
            )
        return asset

    async def _request(
        self, ticket: TicketView, headers: dict[str, str], size: int, pieces: AsyncIterator[bytes]
    ) -> AssetView:
        url = URL(ticket.upload_url, encoded=True)
        with reaching(url):
            async with self._session().request(
                ticket.method,
                url,
                data=pieces,
                headers=headers,
                expect100=size >= ASK_FIRST_BYTES,
                timeout=silence_only(),
                allow_redirects=False,
            ) as response:
                asset: AssetView = await read_answer(response, AssetView)
                return asset

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
                return await self._uploader.put(held, self._body, self._sent)
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


@asynccontextmanager
async def _watched(sent: Sent) -> AsyncIterator[Sent]:
    """Raise `BrokeOff` when for twice `SILENCE_SECONDS` no byte goes out and no answer comes.

    The HTTP library bounds the wait for the answer, not a body that a peer stops reading.
    """
    loop = asyncio.get_running_loop()
    patience = 2 * SILENCE_SECONDS  # twice: after the last byte the answer's own deadline has to come first
    try:
        async with asyncio.timeout(patience) as deadline:

            def moved(done: int) -> None:
                if under_way:
                    deadline.reschedule(loop.time() + patience)
                    sent(done)

            under_way = True
            try:
                yield moved
            finally:
                under_way = False
    except TimeoutError as error:
        raise BrokeOff("The node stopped taking bytes.") from error
