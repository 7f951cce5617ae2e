"""Uploads into a whole local cluster, as clients make them: a ticket here, a PUT there."""

from __future__ import annotations

import time
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, REGIONS
from benchmarks.ask import Asker
from benchmarks.pictures import Picture


class _Ticket(Struct):
    upload_url: str
    asset_id: str
    node: str


class Upload(NamedTuple):
    """One upload that was answered with 201. Times are Unix seconds by this process's clock."""

    asset_id: str
    sha256: str
    node: str
    asked_at: float  # for the ticket
    sent_at: float
    done_at: float


class Uploader:
    """Uploads to the regions in turn, with tickets from the query services in turn."""

    def __init__(self, cluster: LocalCluster, asker: Asker) -> None:
        self._asker = asker
        self._services = [cluster.ports[name] for name in cluster.names("query_service")]
        order = msgspec.json.encode({"bucket": BUCKET})
        self._orders = [_order(region.name, cluster.admin_key, order) for region in REGIONS]
        self._number = 0

    async def upload(self, picture: Picture) -> Upload:
        """One picture, whole way. RuntimeError when any of it is refused."""
        number, self._number = self._number, self._number + 1
        asked_at = time.time()
        ticket = await self._ticket(number)
        url = urlsplit(ticket.upload_url)
        assert url.port is not None
        target, length = f"{url.path}?{url.query}", len(picture.body)
        head = f"PUT {target} HTTP/1.1\r\nHost: node\r\nContent-Length: {length}\r\n\r\n"
        sent_at = time.time()
        answer = await self._asker.ask(url.port, (head.encode(), picture.body))
        if answer.status != 201:
            raise RuntimeError(f"upload to {ticket.node}: {answer}")
        return Upload(ticket.asset_id, picture.sha256, ticket.node, asked_at, sent_at, time.time())

    async def _ticket(self, number: int) -> _Ticket:
        port = self._services[number % len(self._services)]
        answer = await self._asker.ask(port, (self._orders[number % len(self._orders)],))
        if answer.status != 201:
            raise RuntimeError(f"ticket: {answer}")
        return msgspec.json.decode(answer.body, type=_Ticket)


def _order(region: str, key: str, body: bytes) -> bytes:
    head = (
        f"POST /v1/uploads?region={region} HTTP/1.1\r\nHost: query\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
