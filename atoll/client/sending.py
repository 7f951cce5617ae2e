"""One try of an upload: all bytes to the node that a ticket names. I/O.

Knows no retries (`upload` has them), but when to give up on a node that has fallen silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
from yarl import URL

from atoll.client.connection import SILENCE_SECONDS, BrokeOff, reaching, read_answer, silence_only
from atoll.client.source import Body
from atoll.client.views import TicketView
from atoll.errors import BodyMismatch
from atoll.node_api import AssetView

ASK_FIRST_BYTES = 2**20  # a refused ticket should cost no more than this; below, a round trip is dearer

Sent = Callable[[int], None]


class Sender:
    """Sends bodies; `session` is called for every request."""

    def __init__(self, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._session = session

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
        if body.sha256 is not None and body.sha256 not in (asset.sha256, asset.sent_sha256):
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
