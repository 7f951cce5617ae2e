"""A cluster whose third region can be cut off: its link to NATS and the way to its node lead through proxies
that are cut; the way out of it is its replicator, which is stopped in its tracks."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from cut_proxy import CutProxy

from atoll.local.cluster import LocalCluster
from probe.story import AP, Story


class CutOff:
    """Singapore's links."""

    def __init__(self, to_node: CutProxy, to_nats: CutProxy) -> None:
        self.to_node, self.to_nats = to_node, to_nats

    async def cut(self) -> None:
        """Nothing gets in, no event gets out."""
        await self.to_node.cut()
        await self.to_nats.cut()

    def mend(self) -> None:
        """As if nothing had been."""
        self.to_node.mend()
        self.to_nats.mend()


@asynccontextmanager
async def cluster_to_cut(tmp_path: Path) -> AsyncIterator[tuple[Story, CutOff]]:
    """A cluster whose third region can be cut off."""
    running: list[LocalCluster] = []
    async with (
        CutProxy(lambda: running[0].ports[AP]) as to_node,
        CutProxy(lambda: urlsplit(running[0].engines.urls.nats).port or 0) as to_nats,
    ):
        nats_url = f"nats://127.0.0.1:{to_nats.port}"
        extra: dict[str, dict[str, Any]] = {
            "storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1},
            AP: {
                "reserve_bytes": 0,
                "faces": "off",
                "inspectors": 1,
                "public_url": f"http://127.0.0.1:{to_node.port}",
                "nats_url": nats_url,
            },
            f"{AP}-replicator": {"nats_url": nats_url},
        }
        cluster = LocalCluster(tmp_path, environ=dict(os.environ), extra=extra, known_ports=False)
        running.append(cluster)
        async with cluster, aiohttp.ClientSession() as session:
            yield Story(cluster, session), CutOff(to_node, to_nats)


@contextmanager
def stopped(story: Story, daemon: str) -> Iterator[None]:
    pid = story.cluster.daemons[daemon].status.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
