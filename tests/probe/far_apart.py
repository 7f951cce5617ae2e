"""A cluster whose regions reach each other only over bad links: on the way to every node, and to NATS."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS
from probe.bad_link import CLEAR, BadLink, Weather
from probe.story import NODES, Story

SETTINGS: dict[str, dict[str, Any]] = {
    "storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1},
    "replicator": {"repair_seconds": 1.0, "repair_grace_seconds": 1.0},
}


@dataclass
class FarApart:
    """`to_node`: the ways to each node, by its name; `to_nats`: each region's way to NATS, by its node."""

    story: Story
    to_node: dict[str, BadLink]
    to_nats: dict[str, BadLink]

    async def weather(self, weather: Weather) -> None:
        """On the ways to all nodes."""
        for link in self.to_node.values():
            await link.change(weather)

    async def cut_off(self, *nodes: str) -> None:
        """These regions hear nobody and nobody hears them (among themselves too)."""
        for node in nodes:
            await self.to_node[node].cut()
            await self.to_nats[node].cut()

    async def mend(self) -> None:
        """As if nothing had been."""
        for link in (*self.to_node.values(), *self.to_nats.values()):
            if link.weather != CLEAR:
                await link.change(CLEAR)
            link.mend()

    @property
    def harmed(self) -> int:
        """How often the weather did something to anybody."""
        return sum(link.harmed for link in (*self.to_node.values(), *self.to_nats.values()))

    def direct(self, node: str, ticket: dict[str, Any]) -> dict[str, Any]:
        """The ticket for a client who stands beside its node."""
        path = ticket["upload_url"].split("/", 3)[3]
        return ticket | {"upload_url": f"{self.story.cluster.url(node)}/{path}"}


@asynccontextmanager
async def far_apart(directory: Path, seed: int) -> AsyncIterator[FarApart]:
    """Running, in clear weather."""
    running: list[LocalCluster] = []
    async with AsyncExitStack() as stack:

        async def link(number: int, port: Any) -> BadLink:
            made = BadLink(port, seed + number)
            await stack.enter_async_context(made)
            return made

        def nats_port() -> int:
            return urlsplit(running[0].engines.urls.nats).port or 0

        to_node = {n: await link(i, lambda n=n: running[0].ports[n]) for i, n in enumerate(NODES)}
        to_nats = {n: await link(10 + i, nats_port) for i, n in enumerate(NODES)}
        extra = dict(SETTINGS) | _links(to_node, to_nats)
        cluster = LocalCluster(directory, environ=dict(os.environ), extra=extra, known_ports=False)
        running.append(cluster)
        await stack.enter_async_context(cluster)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield FarApart(Story(cluster, session), to_node, to_nats)


def _links(to_node: dict[str, BadLink], to_nats: dict[str, BadLink]) -> dict[str, dict[str, Any]]:
    """Settings by daemon: settings by kind do not reach those that have their own."""
    extra: dict[str, dict[str, Any]] = {}
    for region, node in zip(REGIONS, NODES, strict=True):
        nats = {"nats_url": f"nats://127.0.0.1:{to_nats[node].port}"}
        public = {"public_url": f"http://127.0.0.1:{to_node[node].port}"}
        extra[node] = nats | public
        extra[f"{node}-replicator"] = nats
        if node != NODES[2]:
            extra[f"query-{region.name}"] = nats
    return extra
