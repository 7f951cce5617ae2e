"""Everybody who wants something of a whole cluster at once: uploads, look-ups, hot reads, thumbnails.

Uploads come at their own times; the others ask one after the other, with a rest between, of all daemons of
their kind in turn. What is refused ends the round: a load that was not carried proves nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import random

import msgspec

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, SET
from atoll.local.ports import LOOPBACK
from atoll.transformation.canonical import canonical
from atoll.transformation.parser import parse
from benchmarks.ask import Asker
from benchmarks.open_loop import at_rate
from benchmarks.pictures import Picture, Pictures, soft_noise
from benchmarks.uploader import Upload, Uploader

PER_SECOND, SECONDS = 50.0, 12
BATCH = 100
PHOTOGRAPH, THUMBNAILS = (2040, 1360), range(400, 1000)  # pixels; widths, each of which is a miss once
_MANY = 200  # pictures that are there before
_KNOWN_SECONDS = 20.0


class Load:
    """A cluster, and everybody who wants something of it."""

    def __init__(self, cluster: LocalCluster, asker: Asker) -> None:
        self._cluster, self._asker = cluster, asker
        self._pictures, self._uploader = Pictures(random.Random(11)), Uploader(cluster, asker)
        self._known: list[Upload] = []
        self._photograph = ""
        self._widths = iter(THUMBNAILS)
        self._services = [cluster.ports[name] for name in cluster.names("query_service")]
        self._nodes = [cluster.ports[name] for name in cluster.names("storage_node")]
        self.thumbnails = 0

    async def fill(self) -> None:
        """Some pictures and a photograph, so that there is something to ask for, of any size."""
        sent = await at_rate(self._pictures.take(_MANY), PER_SECOND, self._uploader.upload)
        self._known = sent.answers
        body = photograph()
        uploaded = await self._uploader.upload(Picture(body, hashlib.sha256(body).hexdigest()))
        self._photograph = uploaded.sha256
        order = msgspec.json.encode({"visibility": "public", "unsigned_transformations": True})
        await self._ask(0, f"PUT /v1/buckets/{BUCKET}", order)
        async with asyncio.timeout(_KNOWN_SECONDS):
            while not await self._all_render():  # noqa: ASYNC110 - nodes hear of the bucket by themselves
                await asyncio.sleep(0.1)

    async def round(self) -> None:
        """Everything at once, for some seconds. Raises what went wrong first."""
        works = (self._resolve, self._resolve_many, self._read, self._render)
        readers = [asyncio.create_task(work()) for work in works]
        pictures = self._pictures.take(int(PER_SECOND * SECONDS))
        sent = await at_rate(pictures, PER_SECOND, self._uploader.upload)
        for reader in readers:
            reader.cancel()
        for ended in await asyncio.gather(*readers, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        if sent.failures:
            raise sent.failures[0]

    async def _resolve(self) -> None:
        """One image after the other, of the query services in turn."""
        for number in range(10**9):
            upload = self._known[number % len(self._known)]
            await self._ask(number, f"GET /v1/assets/{upload.asset_id}/url", b"")

    async def _resolve_many(self) -> None:
        items = [{"asset_id": upload.asset_id} for upload in self._known[:BATCH]]
        body = msgspec.json.encode({"items": items})
        for number in range(10**9):
            await self._ask(number, "POST /v1/resolve", body)

    async def _ask(self, number: int, what: str, body: bytes) -> None:
        head = (
            f"{what} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {self._cluster.admin_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        port = self._services[number % len(self._services)]
        answer = await self._asker.ask(port, (head.encode(), body))
        if answer.status != 200:
            raise RuntimeError(f"{what}: {answer}")
        await asyncio.sleep(0.005)

    async def _read(self) -> None:
        """One picture after the other, of the nodes in turn."""
        for number in range(10**9):
            sha256 = self._known[number % len(self._known)].sha256
            path = f"/{BUCKET}/{SET}/{sha256}.jpg"
            if not await self._is_there(self._nodes[number % len(self._nodes)], path):
                raise RuntimeError(f"{path} is not there")
            await asyncio.sleep(0.002)

    async def _render(self) -> None:
        """One thumbnail after the other that nobody has made, by the nodes in turn."""
        for number in range(10**9):
            width = next(self._widths)
            if not await self._thumbnail(self._nodes[number % len(self._nodes)], width):
                raise RuntimeError(f"no thumbnail of {width} pixels")
            self.thumbnails += 1
            await asyncio.sleep(0.2)

    async def _all_render(self) -> bool:
        return all([await self._thumbnail(port, THUMBNAILS.stop) for port in self._nodes])

    async def _thumbnail(self, port: int, width: int) -> bool:
        made = canonical(parse(f"c_fit,w_{width}"))
        return await self._is_there(port, f"/{BUCKET}/{made}/{SET}/{self._photograph}.jpg")

    async def _is_there(self, port: int, path: str) -> bool:
        request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n"
        return (await self._asker.ask(port, (request.encode(),))).status == 200


def photograph() -> bytes:
    """A JPEG as large as a photograph."""
    out = io.BytesIO()
    soft_noise(*PHOTOGRAPH, random.Random(12)).save(out, "JPEG", quality=80)
    return out.getvalue()
