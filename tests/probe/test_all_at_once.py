"""Story: everything breaks at the same time, under traffic, and in the end all is as it was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import pytest

from atoll.local.cluster_plan import BUCKET
from probe.bad_link import Weather
from probe.command import atoll
from probe.far_apart import FarApart, far_apart
from probe.repair_story import all_complete, delete, empty_catalog, gone, outboxes_empty, wipe_streams
from probe.story import AP, EU, NODES, US, Stored, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.timeout(240)]

STORM = Weather(drop=0.2, truncate=0.2, repeat=0.005, replay=0.2, delay=0.02)


async def test_everything_at_once_loses_nothing_and_brings_nothing_back(tmp_path: Path) -> None:
    async with far_apart(tmp_path, seed=11) as links:
        story = links.story
        before = [await _upload(links, node, n) for n, node in enumerate(NODES * 4)]
        await story.everywhere(before)
        doomed, kept = before[:4], before[4:]
        tickets = {n: [links.direct(n, await story.ticket_for(n)) for _ in range(5)] for n in (EU, US)}
        await links.weather(STORM)
        for one in doomed:
            await delete(story, one)
        during = await asyncio.gather(_break(links, kept), *(_put(links, t) for t in tickets.values()))
        stored = [one for group in during[1:] for one in group]
        await _mend(links)
        await story.everywhere([*kept, *stored])
        await gone(story, doomed)
        await all_complete(story)
        for node in NODES:
            for one in (*kept, *stored):
                assert await story.read(node, one.path) == (200, one.body)
        await gone(story, doomed, 5)
        await _proven(links, [*kept, *stored])


async def _upload(links: FarApart, node: str, seed: int) -> Stored:
    ticket = links.direct(node, await links.story.ticket_for(node))
    return await links.story.put(ticket, picture(seed))


async def _put(links: FarApart, tickets: list[dict[str, str]]) -> list[Stored]:
    """Uploads until each is acknowledged: the node is killed among them, and a ticket is good for a retry."""
    stored = []
    for ticket in tickets:
        body = picture(hash(ticket["ticket"]))

        async def taken(t: dict[str, str] = ticket, b: bytes = body) -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                stored.append(await links.story.put(t, b))
                return True
            return False

        await eventually(taken, "an upload is not taken")
    return stored


async def _break(links: FarApart, kept: list[Stored]) -> None:
    """Singapore loses its index, America half of its blobs, engines and daemons die, streams are wiped."""
    story = links.story
    cluster = story.cluster
    await outboxes_empty(story)  # what a stream is told and forgets is no longer the outbox's
    await wipe_streams(story)
    empty_catalog(story)
    await cluster.daemons[AP].kill(restart=False)
    for file in cluster.paths.data(AP).glob("index.db*"):
        file.unlink()
    for one in kept[::2]:
        (file,) = cluster.paths.data(US).glob(f"blobs/{BUCKET}/*/*/{one.sha256}.*")
        file.unlink()
    for engine in ("mongodb", "valkey", "nats"):
        await cluster.engines.process(engine).kill(restart=False)
    for daemon in (EU, f"{US}-replicator", "query-us-east", "monitor"):
        await cluster.daemons[daemon].kill()


async def _mend(links: FarApart) -> None:
    cluster = links.story.cluster
    await links.mend()
    for engine in ("mongodb", "valkey", "nats"):
        await cluster.engines.process(engine).start()
    for process in cluster.daemons.values():
        await process.start()
        await process.wait_ready(30)


async def _proven(links: FarApart, stored: list[Stored]) -> None:
    """The set proves itself, and the catalog is made again from it."""

    async def proven() -> bool:
        code, proof = await atoll(links.story.cluster, "verify", "--all", "--deep")
        return (code, proof["complete"]) == (0, True)

    await eventually(proven, "not everything can be proven", 60)
    assert (await atoll(links.story.cluster, "catalog", "rebuild"))[0] == 0
    for one in stored:
        assert await links.story.in_catalog(one.asset_id, len(NODES))
