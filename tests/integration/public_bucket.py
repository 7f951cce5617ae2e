"""The bucket that tests upload to, put into the cluster map, so that what it holds may be read."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

import nats
from nats.aio.client import Client
from nats.js.errors import BucketNotFoundError
from nats.js.kv import KeyValue
from node_fixture import BUCKET, DEADLINE, NodeProcess, until

from atoll.bucket import Bucket
from atoll.cluster import Entry, key_of, seal_entry
from atoll.cluster_map import BUCKET as MAP


def open_bucket(node: NodeProcess, bucket: Bucket | None = None) -> None:
    """Return once the node knows it as it is. (A daemon of the cluster would do this: no test of the map.)

    It may have known another one by this name: what it has of the map it has in the order of writing, so it
    knows this one when it knows a bucket that was put there after it.
    """
    later = Bucket(f"later-{secrets.token_hex(8)}")
    asyncio.run(put_entry(node, bucket or Bucket(BUCKET)))
    asyncio.run(put_entry(node, later))
    until(lambda: b"no bucket" not in str(node.request("GET", f"/{later.name}/nothing").json).encode())
    asyncio.run(_remove(node, later))


async def put_entry(node: NodeProcess, entry: Entry) -> None:
    """Put it into the cluster map as a daemon would."""
    async with _cluster_map(node) as kept:
        await kept.put(key_of(entry), seal_entry(entry, node.keys))


async def _remove(node: NodeProcess, entry: Entry) -> None:
    async with _cluster_map(node) as kept:
        await kept.delete(key_of(entry))


@contextlib.asynccontextmanager
async def _cluster_map(node: NodeProcess) -> AsyncIterator[KeyValue]:
    async with asyncio.timeout(DEADLINE):
        client = await nats.connect(node.nats_url)
        try:
            while (kept := await _if_there(client)) is None:  # noqa: ASYNC110 - a server tells nobody
                await asyncio.sleep(0.02)
            yield kept
        finally:
            await client.close()


async def _if_there(client: Client) -> KeyValue | None:
    try:
        return await client.jetstream().key_value(MAP)
    except BucketNotFoundError:  # the node has not made it yet
        return None
