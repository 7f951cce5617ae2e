"""A synthetic image per region, uploaded, followed into every other region and read back there.

The check that believes nobody: it uses the public API alone, as a client in that region would, and asks the
nodes themselves where the image has arrived. What it finds is on the board (canary_board.py). It leaves
nothing behind but a tombstone per region: the same name, which holds the monitor's so that two never take
each other's, is uploaded and erased each time, and what a life that was cut short left is swept away.
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
from monitor.canary_access import PREFIX, CanaryAccess
from monitor.canary_board import CanaryBoard
from monitor.canary_history import CanaryHistory
from monitor.canary_sighting import Outcome, Sighting
from monitor.clock import Clock

log = logging.getLogger(__name__)

SIDE = 32
POLL_SECONDS = 0.1
ORIGINS_AT_ONCE = 4
SWEPT_AT_ONCE = 100


@dataclass(frozen=True)
class CanaryPlan:
    """Every `seconds`, in `bucket`, by the monitor `name`; a region has `patience` seconds to get the image
    and give it back."""

    name: str
    bucket: str
    seconds: float
    patience: float

    def public_id(self, region: str) -> str:
        """The name of the canary of a region."""
        return f"{PREFIX}{self.name}/{region}"


class _Pursuit:
    """How far one canary was followed: what it would be called if its time were over now."""

    outcome: Outcome = "lost"
    what = "no copy came"


class Canary:
    """`client` gives a client of the cluster, with a key, that stands in a region."""

    def __init__(
        self,
        plan: CanaryPlan,
        cluster: Callable[[], ClusterMap],
        access: CanaryAccess,
        client: Callable[[str, str], AsyncClient],
        board: CanaryBoard,
        history: CanaryHistory,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._plan, self._cluster, self._access, self._client = plan, cluster, access, client
        self._board, self._history, self._clock, self._rng = board, history, clock, rng

    async def run(self) -> None:
        """Fly a round now and then, for ever; each round begins at a random moment of its interval."""
        swept = False
        while True:
            await asyncio.sleep(self._plan.seconds * self._rng.uniform(0.5, 1.0))
            try:
                key = await self._access.ready()
                swept = swept or await self._sweep(key)
                await self.round(key)
            except AtollError as error:
                log.warning("no canary can fly: %s", error.detail)
            await asyncio.to_thread(self._history.write, self._history.encoded())
            await asyncio.sleep(self._plan.seconds * 0.25)

    async def round(self, key: str) -> None:
        """One canary from every region with an active node, a few at the same time."""
        regions = sorted({n.region for n in self._cluster().nodes.values() if n.state == "active"})
        self._board.keep(regions)
        places = asyncio.Semaphore(ORIGINS_AT_ONCE)

        async def fly(region: str) -> None:
            async with places:
                await self._fly(key, region, regions)

        async with asyncio.TaskGroup() as group:
            for region in regions:
                group.create_task(fly(region), name=f"canary from {region}")

    async def _fly(self, key: str, origin: str, regions: list[str]) -> None:
        body = await asyncio.to_thread(_picture, self._rng.randbytes(SIDE * SIDE * 3))
        async with self._client(origin, key) as client:
            try:
                name = self._plan.public_id(origin)
                asset = await client.upload(body, bucket=self._plan.bucket, public_id=name)
            except AtollError as error:
                self._unsent(origin, regions, error.detail)
                return
            begun = self._clock.monotonic()
            try:

                async def look(target: str) -> None:  # told at once: one that is lost makes no other look old
                    sighting = await self._follow(client, key, asset, body, target, begun)
                    self._board.saw(origin, target, sighting)

                await asyncio.gather(*map(look, regions))
            finally:
                await self._erase(client, asset.asset_id)

    def _unsent(self, origin: str, regions: list[str], why: str) -> None:
        log.warning("a canary could not be uploaded", extra={"region": origin, "why": why})
        for target in regions:
            self._board.saw(origin, target, self._missed("unsent", why))

    async def _follow(
        self, client: AsyncClient, key: str, asset: AssetView, body: bytes, target: str, begun: float
    ) -> Sighting:
        """Until a node of the region holds it, then read it as somebody there would."""
        pursuit = _Pursuit()
        try:
            async with asyncio.timeout(self._plan.patience):
                await self._arrival(client, asset, target)
                lag = self._clock.monotonic() - begun
                read_begun = self._clock.monotonic()
                async with self._client(target, key) as there:
                    await self._reading(there, asset.asset_id, body, pursuit)
                return Sighting("ok", self._clock.now_ms(), lag, self._clock.monotonic() - read_begun)
        except TimeoutError:
            return self._missed(pursuit.outcome, f"{pursuit.what} within {self._plan.patience:g} s")
        except AtollError as error:
            return self._missed("failed", error.detail)

    async def _arrival(self, client: AsyncClient, asset: AssetView, target: str) -> None:
        while True:
            receipt = await client.operations.receipt(asset.asset_id)
            there = [node for node in receipt.nodes if node.region == target]
            if not there or any(h.version == asset.version for node in there for h in node.held):
                return  # a region outside the image's set reads it from the nearest that has it
            await asyncio.sleep(POLL_SECONDS)

    async def _reading(self, there: AsyncClient, asset_id: str, body: bytes, pursuit: _Pursuit) -> None:
        """Until it reads as uploaded: the catalog may still have the canary before this one, or none."""
        pursuit.outcome, pursuit.what = "failed", "a copy came, but gave no bytes"
        while True:
            try:
                if await there.get(asset_id) == body:
                    return
                pursuit.outcome, pursuit.what = "stale", "a copy came, but an earlier image was still served"
            except NotFound:
                pursuit.outcome, pursuit.what = "stale", "a copy came, but the API did not know it"
            await asyncio.sleep(POLL_SECONDS)

    async def _erase(self, client: AsyncClient, asset_id: str) -> None:
        try:
            await client.delete(asset_id, trash_seconds=0)
        except NotFound:
            return  # an erasure whose answer was lost
        except AtollError as error:
            log.warning("a canary could not be erased: %s", error.detail)

    async def _sweep(self, key: str) -> bool:
        """Erase what an earlier life of this monitor left; True: looked through to the end."""
        swept = 0
        async with self._client("", key) as client:
            mine = client.list(self._plan.bucket, self._plan.public_id(""), SWEPT_AT_ONCE)
            for asset in [asset async for asset in mine]:
                await self._erase(client, asset.asset_id)
                swept += 1
        if swept:
            log.info("%d canaries of an earlier life are swept away", swept)
        return swept < SWEPT_AT_ONCE

    def _missed(self, outcome: Outcome, why: str) -> Sighting:
        return Sighting(outcome, self._clock.now_ms(), None, None, why[:200])


def _picture(noise: bytes) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (SIDE, SIDE), noise).save(out, "PNG")
    return out.getvalue()
