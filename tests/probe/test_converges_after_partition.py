"""Story: a region is cut off under load and comes back, no stream remembers anything, and all becomes equal.

Of the ten minutes of a real outage only the order of things is kept: what counts is that both sides took
writes and deletes the other did not hear of. Singapore's link to NATS and the way to its node lead through
proxies that are cut; the way out of it is its replicator, which is stopped in its tracks.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from cut_proxy import CutProxy

from atoll.local.cluster import LocalCluster
from probe.repair_story import all_complete, delete, gone, health, outboxes_empty, wipe_streams
from probe.story import AP, EU, US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

UPLOADS = 100  # per region while it is cut off
CONVERGED_WITHIN = 60.0  # seconds from healing: what is promised


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


@pytest_asyncio.fixture(loop_scope="module")
async def cut_off(tmp_path) -> AsyncIterator[tuple[Story, CutOff]]:
    """A cluster whose third region can be cut off."""
    running: list[LocalCluster] = []
    async with (
        CutProxy(lambda: running[0].ports[AP]) as to_node,
        CutProxy(lambda: urlsplit(running[0].engines.urls.nats).port or 0) as to_nats,
    ):
        nats_url = f"nats://127.0.0.1:{to_nats.port}"
        extra: dict[str, dict[str, Any]] = {
            "storage_node": {"reserve_bytes": 0, "faces": "off"},
            AP: {
                "reserve_bytes": 0,
                "faces": "off",
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
def _stopped(story: Story, daemon: str) -> Iterator[None]:
    pid = story.cluster.daemons[daemon].status.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _direct_tickets(story: Story, count: int) -> list[dict[str, Any]]:
    """Tickets for Singapore whose URLs do not lead through the proxy: its own clients are near by."""
    tickets = [await story.ticket_for(AP) for _ in range(count)]
    base = story.cluster.url(AP)
    return [t | {"upload_url": base + "/" + t["upload_url"].split("/", 3)[3]} for t in tickets]


async def _upload_all(story: Story, tickets: list[dict[str, Any]], seed: int) -> list[Stored]:
    return [await story.put(ticket, picture(seed + n)) for n, ticket in enumerate(tickets)]


async def test_after_a_partition_under_load_with_streams_wiped_all_is_equal_within_a_minute(
    cut_off: tuple[Story, CutOff],
) -> None:
    story, link = cut_off
    before = [await story.upload(EU, picture(seed)) for seed in range(20)]
    await story.everywhere(before)
    doomed, kept = before[:10], before[10:]
    tickets = {
        EU: [await story.ticket_for(EU) for _ in range(UPLOADS)],
        US: [await story.ticket_for(US) for _ in range(UPLOADS)],
        AP: await _direct_tickets(story, UPLOADS),
    }
    with _stopped(story, f"{AP}-replicator"):
        await link.cut()
        uploads = await asyncio.gather(
            *(_upload_all(story, tickets[node], 1000 * n) for n, node in enumerate((EU, US, AP), 1))
        )
        for one in doomed:
            await delete(story, one)
        europe, america, asia = uploads
        assert not await story.holds(EU, asia[0].sha256)
        assert not await story.holds(AP, europe[-1].sha256)
        assert not await story.holds(AP, america[-1].sha256)
        await outboxes_empty(story, (EU, US))
        await wipe_streams(story)
        link.mend()
    async with asyncio.timeout(CONVERGED_WITHIN):
        await story.everywhere([*kept, *europe, *america, *asia])
        await gone(story, doomed)
    await all_complete(story)
    await gone(story, doomed, 5)
    await eventually(lambda: _nothing_missing(story), "a replicator still misses something")


async def _nothing_missing(story: Story) -> bool:
    peers = [p for n in (EU, US, AP) for p in (await health(story, f"{n}-replicator"))["repair"]]
    return all(peer["missing"] == 0 for peer in peers)
