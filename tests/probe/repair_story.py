"""What stories of repair are told with: streams wiped, a catalog emptied, replicators asked how it stands."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import sys
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import nats
import nats.js.errors
import pymongo

from atoll.events import stream_of
from atoll.ids import now_ms
from atoll.local.cluster_plan import REGIONS, to_toml
from atoll.local.ports import any_free_port
from probe.story import EU, NODES, Stored, Story, eventually

REPLICATORS = tuple(f"{node}-replicator" for node in NODES)


async def wipe_streams(story: Story) -> None:
    """Every region's stream, with its messages and consumers; the cluster map stays."""
    bus = await nats.connect(story.cluster.engines.urls.nats)
    try:
        for region in REGIONS:
            with contextlib.suppress(nats.js.errors.NotFoundError):  # a region that publishes nothing
                await bus.jetstream().delete_stream(stream_of(region.name))
    finally:
        await bus.close()


def empty_catalog(story: Story) -> None:
    """As if MongoDB had been installed a moment ago."""
    with contextlib.closing(
        pymongo.MongoClient[dict[str, Any]](story.cluster.engines.urls.mongodb)
    ) as client:
        for name in client.list_database_names():
            if name not in {"admin", "config", "local"}:
                database = client[name]
                for collection in database.list_collection_names():
                    database[collection].delete_many({})


async def outboxes_empty(story: Story, nodes: Sequence[str] = NODES) -> None:
    """Every event of these nodes is in its stream: what is wiped now, nobody publishes again.

    Read in their indexes: the metric is as old as the last look at the disk, a second or more.
    """

    async def empty() -> bool:
        return not any([await asyncio.to_thread(_waiting_events, story, node) for node in nodes])

    await eventually(empty, "an outbox does not empty")


def _waiting_events(story: Story, node: str) -> int:
    index = story.cluster.paths.data(node) / "index.db"
    with contextlib.closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True, timeout=10)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    return int(count)


async def metric(story: Story, daemon: str, start: str) -> float:
    """The sum of the metrics whose line starts so."""
    return await metric_at(story, story.cluster.url(daemon), start)


async def metric_at(story: Story, url: str, start: str) -> float:
    """The same of a daemon at `url`."""
    async with story.session.get(url + "/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(start))


async def health(story: Story, daemon: str) -> dict[str, Any]:
    """What a daemon says of itself."""
    async with story.session.get(story.cluster.url(daemon) + "/health") as response:
        answer: dict[str, Any] = await response.json()
    return answer


async def all_complete(story: Story, seconds: float = 60.0) -> None:
    """Every replicator has seen, from now on, that its node lacks nothing of any peer's."""
    since = now_ms()

    async def complete() -> bool:
        stands = [(await health(story, name))["repair"] for name in REPLICATORS]
        return all(
            len(peers) >= len(NODES) - 1 and all((peer["complete_at"] or 0) > since for peer in peers)
            for peers in stands
        )

    await eventually(complete, "not every node is seen to be complete", seconds, every=0.3)


async def gone(story: Story, stored: list[Stored], seconds: float = 60.0) -> None:
    """No node holds any of these."""

    async def nowhere() -> bool:
        return not any([await story.holds(node, one.sha256) for node in NODES for one in stored])

    await eventually(nowhere, "something deleted is still held", seconds, every=0.3)


async def delete(story: Story, stored: Stored) -> None:
    """As a user does; the query service finds a node that takes it."""
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}

    async def taken() -> bool:
        url = f"{story.query}/v1/assets/{stored.asset_id}"
        async with story.session.delete(url, headers=headers) as response:
            return response.status in {200, 202, 204}

    await eventually(taken, "the delete is not taken")


async def start_from_nothing(story: Story, node: str) -> None:
    """A stopped node starts with an empty disk."""
    await asyncio.to_thread(shutil.rmtree, story.cluster.paths.data(node))
    await story.cluster.daemons[node].start()


@asynccontextmanager
async def another_node(story: Story, name: str) -> AsyncIterator[str]:
    """A fresh node with its replicator in Frankfurt joins the set; gives the node's URL."""
    async with fresh_node(story, name) as url, its_replicator(story, name):
        yield url


@asynccontextmanager
async def fresh_node(story: Story, name: str, **settings: Any) -> AsyncIterator[str]:
    """A node in Frankfurt that holds nothing and has no replicator; gives its URL."""
    port, root = any_free_port(), story.cluster.paths.root.resolve()
    node = _settings(story, EU) | {
        "name": name,
        "state_dir": str(root / "state" / name),
        "listen_port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "data_dir": str(root / "nodes" / name),
    }
    async with _daemon(story, "storage_node", node | settings):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def its_replicator(story: Story, node: str, **settings: Any) -> AsyncIterator[str]:
    """The replicator of such a node; gives its URL."""
    port, root = any_free_port(), story.cluster.paths.root.resolve()
    name = f"{node}-replicator"
    replicator = _settings(story, f"{EU}-replicator") | {
        "name": name,
        "node": node,
        "listen_port": port,
        "state_dir": str(root / "state" / name),
    }
    async with _daemon(story, "replicator", replicator | settings):
        yield f"http://127.0.0.1:{port}"


def _settings(story: Story, daemon: str) -> dict[str, Any]:
    return tomllib.loads(story.cluster.paths.settings(daemon).read_text())


@asynccontextmanager
async def _daemon(story: Story, kind: str, settings: dict[str, Any]) -> AsyncIterator[None]:
    file = story.cluster.paths.settings(settings["name"])
    file.touch(mode=0o600)
    file.write_text(to_toml(settings))
    with story.cluster.paths.log(settings["name"]).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", kind, "--settings", str(file), stdout=log, stderr=log
        )
    try:
        await eventually(
            lambda: _serves(story, settings["listen_port"]), f"{settings['name']} does not serve"
        )
        yield
    finally:
        process.terminate()
        await process.wait()


async def _serves(story: Story, port: int) -> bool:
    try:
        async with story.session.get(f"http://127.0.0.1:{port}/health") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
