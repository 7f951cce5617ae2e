"""Puts the benchmarks' bucket into a node's cluster map, as a query service does when it is told to."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

from atoll.bucket import Bucket
from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.daemon_settings import DaemonSettings
from atoll.lifecycle import Stop, Tasks
from benchmarks.one_node import BUCKET, NODE, REGION, OneNode

_DEADLINE_SECONDS = 20.0


async def make_bucket_public(node: OneNode, directory: Path, *, any_derivative: bool = False) -> None:
    """Put it into the map of the node that was started under `directory`; the node hears of it soon.

    `any_derivative`: whoever reads a picture may ask for any transformation of it, unsigned.
    """
    theirs = tomllib.loads((directory / "node.toml").read_text())
    settings = DaemonSettings(
        name="benchmark",
        region=REGION,
        listen_port=1,
        cluster_secret_file=Path(theirs["cluster_secret_file"]),
        state_dir=directory / "benchmark",
        nats_url=theirs["nats_url"],
        nats_user=theirs["nats_user"],
        nats_password_file=Path(theirs["nats_password_file"]),
    )
    async with asyncio.timeout(_DEADLINE_SECONDS), Bus(settings).opened() as bus, Tasks(Stop()) as tasks:
        cluster = LiveClusterMap(bus, node.keys, settings.state_dir, domain=None, replicas=1)
        tasks.start("cluster map", cluster.run())
        await cluster.wait_for(lambda known: NODE in known.nodes)
        await cluster.put(Bucket(BUCKET, unsigned_transformations=any_derivative))
