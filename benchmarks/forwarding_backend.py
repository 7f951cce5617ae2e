"""A backend as many are: pictures go through it, one request each, and it hands them on. The peer of
`direct`.

A double, not a product: `POST /pictures` takes a whole picture, asks Atoll for a ticket and sends the bytes
to the node, each over a connection of its own as `requests.post` makes them; `POST /register` notes what the
page shows (in memory: a database would only add to it). It could be made better – connections kept, bytes
passed on as they come – and would still carry every byte twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from atoll.local.ports import LOOPBACK


class ForwardingBackend:
    """`service`: the query service as it sees it; `links`: for a node's port the one that leads there."""

    def __init__(self, service: str, api_key: str, bucket: str, links: Mapping[int, int]) -> None:
        self._service, self._links, self._bucket = service, links, bucket
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self.registered: list[dict[str, Any]] = []
        self.port = 0

    async def pictures(self, request: web.Request) -> web.Response:
        """201 with the asset."""
        body = await request.read()
        order = {"bucket": self._bucket}
        async with (
            _once() as session,
            session.post(f"{self._service}/v1/uploads", json=order, headers=self._headers) as answer,
        ):
            ticket = await answer.json()
        url = URL(ticket["upload_url"], encoded=True)
        url = url.with_port(self._links[url.port or 0])
        async with _once() as session, session.put(url, data=body) as answer:
            return web.json_response(await answer.json(), status=answer.status)

    async def register(self, request: web.Request) -> web.Response:
        """201."""
        self.registered.append(await request.json())
        return web.json_response({}, status=201)


def _once() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))


@asynccontextmanager
async def forwarding_backend(
    service: str, api_key: str, bucket: str, links: Mapping[int, int]
) -> AsyncIterator[ForwardingBackend]:
    """One that serves on a port of this machine."""
    backend = ForwardingBackend(service, api_key, bucket, links)
    app = web.Application()
    app.router.add_post("/pictures", backend.pictures)
    app.router.add_post("/register", backend.register)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    backend.port = runner.addresses[0][1]
    try:
        yield backend
    finally:
        await runner.cleanup()
