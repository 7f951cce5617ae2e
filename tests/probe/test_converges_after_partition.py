"""Story: a region is cut off under load and comes back, no stream remembers anything, and all becomes equal.

Of the ten minutes of a real outage only the order of things is kept: what counts is that both sides took
writes and deletes the other did not hear of. Singapore's link to NATS and the way to its node lead through
proxies that are cut; the way out of it is its replicator, which is stopped in its tracks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from probe.cut_off import CutOff, cluster_to_cut, stopped
from probe.repair_story import all_complete, delete, gone, health, outboxes_empty, wipe_streams
from probe.story import AP, EU, US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

UPLOADS = 100  # per region while it is cut off
CONVERGED_WITHIN = 60.0  # seconds from healing: what is promised


@pytest_asyncio.fixture(loop_scope="module")
async def cut_off(tmp_path: Path) -> AsyncIterator[tuple[Story, CutOff]]:
    """Whole at first."""
    async with cluster_to_cut(tmp_path) as running:
        yield running


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
    with stopped(story, f"{AP}-replicator"):
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
