"""The bucket that tests upload to, put into the cluster map, so that what it holds may be read."""

from __future__ import annotations

import asyncio
import contextlib

import nats
from nats.js.errors import BucketNotFoundError, NoKeysError
from node_fixture import BUCKET, DEADLINE, NodeProcess, until

from atoll.bucket import Bucket
from atoll.cluster import Entry, key_of, seal_entry
from atoll.cluster_map import BUCKET as MAP


def open_bucket(node: NodeProcess, bucket: Bucket | None = None) -> None:
    """Return once the node knows it. (A daemon of the cluster would do this: no test of the map.)"""
    asyncio.run(put_entry(node, bucket or Bucket(BUCKET)))
    until(lambda: b"no bucket" not in str(node.request("GET", f"/{BUCKET}/nothing").json).encode())


async def put_entry(node: NodeProcess, entry: Entry) -> None:
    """Put it into the cluster map as a daemon would."""
    async with asyncio.timeout(DEADLINE):
        client = await nats.connect(node.nats_url)
        try:
            while True:
                with contextlib.suppress(BucketNotFoundError, NoKeysError):
                    kept = await client.jetstream().key_value(MAP)
                    await kept.put(key_of(entry), seal_entry(entry, node.keys))
                    return
                await asyncio.sleep(0.02)
        finally:
            await client.close()
