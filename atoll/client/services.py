"""How the services themselves are: /health of each query service, and the monitor's summary. I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from msgspec import Struct, structs
from yarl import URL

from atoll.client.connection import in_total, open_session, reaching, read_answer
from atoll.client.query import QueryServices
from atoll.errors import AtollError

ANSWER_SECONDS = 3.0


class ServiceView(Struct, frozen=True):
    """A query service: which engines it sees; `error` says why it cannot be asked."""

    url: str = ""
    name: str = ""
    region: str = ""
    version: str = ""
    status: str = "unknown"
    engines: dict[str, bool] = {}
    error: str | None = None


class MonitorView(Struct, frozen=True):
    """What the monitor says of the cluster; `error` says why it cannot be asked."""

    state: str = "unknown"
    problems: tuple[str, ...] = ()
    error: str | None = None


async def ask_services(urls: Sequence[str], tls_ca_file: Path | None = None) -> tuple[ServiceView, ...]:
    """Every query service, in order. Anonymous; never raises for one that is away."""
    async with open_session(tls_ca_file) as session:
        return tuple(await asyncio.gather(*(_service(session, url) for url in urls)))


async def _service(session: aiohttp.ClientSession, url: str) -> ServiceView:
    address = URL(url.rstrip("/") + "/health")
    try:
        with reaching(address):
            async with session.get(
                address, timeout=in_total(ANSWER_SECONDS), allow_redirects=False
            ) as response:
                view: ServiceView = await read_answer(response, ServiceView)
    except AtollError as error:
        return ServiceView(url, error=error.detail)
    return structs.replace(view, url=url)


async def ask_monitor(url: str | None, api_key: str, tls_ca_file: Path | None = None) -> MonitorView | None:
    """The monitor's summary; None when nobody says where it is."""
    if url is None:
        return None
    async with open_session(tls_ca_file) as session:
        monitor = QueryServices([url], api_key, lambda: session, patience=0.0)
        try:
            return await monitor.call("GET", "/v1/health", MonitorView, seconds=ANSWER_SECONDS)
        except AtollError as error:
            return MonitorView(error=error.detail)
