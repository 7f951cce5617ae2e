"""A synthetic image per region, uploaded, followed into every other region and read back there.

The check that believes nobody: it uses the public API alone, as a client in that region would, and asks the
nodes themselves where the image has arrived. What it finds is on the board (canary_board.py). It leaves
nothing behind but a tombstone per region: the same name is uploaded and erased each time.
"""

from __future__ import annotations

import asyncio
import io
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from atoll.client.async_client import AsyncClient
from atoll.cluster import ClusterMap
from atoll.errors import AtollError, NotFound
from atoll.node_api import AssetView
from monitor.canary_board import CanaryBoard, Sighting
from monitor.clock import Clock

log = logging.getLogger(__name__)

SIDE = 32
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class CanaryPlan:
    """Every `seconds`, in `bucket`; a region has `patience` seconds to get the image and give it back."""

    bucket: str
    seconds: float
    patience: float


class Canary:
    """`client` gives a client of the cluster that stands in a region."""

    def __init__(
        self,
        plan: CanaryPlan,
        cluster: Callable[[], ClusterMap],
        client: Callable[[str], AsyncClient],
        board: CanaryBoard,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._plan, self._cluster, self._client = plan, cluster, client
        self._board, self._clock, self._rng = board, clock, rng

    async def run(self) -> None:
        """Fly a round now and then, for ever; each round begins at a random moment of its interval."""
        while True:
            await asyncio.sleep(self._plan.seconds * self._rng.uniform(0.5, 1.0))
            await self.round()
            await asyncio.sleep(self._plan.seconds * 0.25)

    async def round(self) -> None:
        """One canary from every region with an active node, one after another."""
        regions = sorted({n.region for n in self._cluster().nodes.values() if n.state == "active"})
        self._board.keep(regions)
        for region in regions:
            await self._fly(region, regions)

    async def _fly(self, origin: str, regions: list[str]) -> None:
        body = await asyncio.to_thread(_picture, self._rng.randbytes(SIDE * SIDE * 3))
        async with self._client(origin) as client:
            try:
                asset = await self._upload(client, body, origin)
            except AtollError as error:
                self._board.saw(origin, origin, self._failed(f"upload: {error.detail}"))
                log.warning("a canary could not be uploaded", extra={"region": origin, "why": error.detail})
                return
            begun = self._clock.monotonic()
            try:
                sightings = (self._follow(client, asset, body, target, begun) for target in regions)
                found = await asyncio.gather(*sightings)
                for target, sighting in zip(regions, found, strict=True):
                    self._board.saw(origin, target, sighting)
            finally:
                await self._erase(client, asset.asset_id)

    async def _upload(self, client: AsyncClient, body: bytes, origin: str) -> AssetView:
        buckets = {bucket.name for bucket in await client.buckets()}
        if self._plan.bucket not in buckets:
            await client.create_bucket(self._plan.bucket, "private")
        return await client.upload(body, bucket=self._plan.bucket, public_id=f"canary/{origin}")

    async def _follow(
        self, client: AsyncClient, asset: AssetView, body: bytes, target: str, begun: float
    ) -> Sighting:
        """Until a node of the region holds it, then read it as somebody there would."""
        try:
            async with asyncio.timeout(self._plan.patience):
                await self._arrival(client, asset, target)
                lag = self._clock.monotonic() - begun
                read_begun = self._clock.monotonic()
                async with self._client(target) as there:
                    await self._reading(there, asset.asset_id, body)
                return Sighting(True, self._clock.now_ms(), lag, self._clock.monotonic() - read_begun)
        except TimeoutError:
            return self._failed(f"not there and readable within {self._plan.patience:g} s")
        except AtollError as error:
            return self._failed(error.detail)

    async def _arrival(self, client: AsyncClient, asset: AssetView, target: str) -> None:
        while True:
            receipt = await client.operations.receipt(asset.asset_id)
            there = [node for node in receipt.nodes if node.region == target]
            if not there or any(h.version == asset.version for node in there for h in node.held):
                return  # a region outside the image's set reads it from the nearest that has it
            await asyncio.sleep(POLL_SECONDS)

    async def _reading(self, there: AsyncClient, asset_id: str, body: bytes) -> None:
        """Until it reads as uploaded: the catalog may still have the canary before this one, or none."""
        while True:
            try:
                if await there.get(asset_id) == body:
                    return
            except NotFound:
                pass
            await asyncio.sleep(POLL_SECONDS)

    async def _erase(self, client: AsyncClient, asset_id: str) -> None:
        try:
            await client.delete(asset_id, trash_seconds=0)
        except AtollError as error:
            log.warning("a canary could not be erased: %s", error.detail)

    def _failed(self, why: str) -> Sighting:
        return Sighting(False, self._clock.now_ms(), None, None, why[:200])


def _picture(noise: bytes) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (SIDE, SIDE), noise).save(out, "PNG")
    return out.getvalue()
