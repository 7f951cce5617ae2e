"""Uploads at an even pace into one set, until its room is used up by the nodes' own figures.

For the stories of test_growth.py that hold a forecast against what came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from atoll.client import AsyncClient
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, REGIONS, SET
from probe.growing import CAPACITY, RESERVE, ask
from probe.story import picture

PACE = 0.6  # seconds from one picture to the next: slow enough that a busy machine keeps up
SIDE = 400  # pixels of noise: some 120 kB a picture
MOST = 200  # pictures

Enough = Callable[[int, int], bool]


class SteadyFill:
    """One picture every `PACE` seconds by the clock, from each region in turn; whatever is refused raises."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self._began: float | None = None
        self._sent = 0

    async def until(self, enough: Enough) -> float:
        """Go on until `enough` of the room left and the next picture's size, in bytes; the loop's time then.

        Called again it goes on at the same pace.
        """
        clock = asyncio.get_running_loop().time
        self._began = clock() if self._began is None else self._began
        while self._sent < MOST:
            body = picture(self._sent, SIDE)
            await asyncio.sleep(self._began + self._sent * PACE - clock())  # the pace is the story itself
            if enough(await room(self._cluster), len(body)):
                return clock()
            await self._upload(body)
        raise AssertionError(f"{MOST} pictures, and the disks are not as full as they should be")

    async def _upload(self, body: bytes) -> None:
        urls = [self._cluster.url(name) for name in self._cluster.names("query_service")]
        region = REGIONS[self._sent % len(REGIONS)].name
        async with AsyncClient(urls, self._cluster.admin_key, region=region) as client:
            await client.upload(body, bucket=BUCKET, public_id=f"steady/{self._sent}", filename="a.jpg")
        self._sent += 1


async def room(cluster: LocalCluster) -> int:
    """Bytes above the reserve of the first set's fullest node, as the nodes say it themselves."""
    nodes = (await ask(cluster, "/v1/nodes"))["nodes"]
    beats = [node["heartbeat"] for node in nodes if node["node"]["set"] == SET and node["heartbeat"]]
    left = (int(beat["bytes_free"]) - int(beat["bytes_reserved"]) for beat in beats)
    return min(left, default=CAPACITY - RESERVE)  # of which nothing was heard yet, it is empty


async def set_forecast(cluster: LocalCluster) -> dict[str, Any]:
    """What the monitor says now of when the first set will be full."""
    found = (await ask(cluster, "/v1/forecast"))["forecasts"]
    made: list[dict[str, Any]] = [one for one in found if (one["scope"], one["name"]) == ("set", SET)]
    assert made, f"nothing is foretold of {SET}: {found}"
    return made[0]
