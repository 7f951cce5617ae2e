"""Stories: whatever dies, what was acknowledged is there, everywhere, in the end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from typing import Any

import pytest

from probe.story import AP, EU, NODES, US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


UPLOADS = {EU: 68, US: 66, AP: 66}  # side by side: most of the time goes into starting the nodes again


async def test_nodes_killed_after_every_201_lose_none_of_200_uploads(story: Story) -> None:
    tickets = {node: [await story.ticket_for(node) for _ in range(count)] for node, count in UPLOADS.items()}
    seeds = {node: 1000 * n for n, node in enumerate(UPLOADS)}
    groups = await asyncio.gather(*(_killed_after_each(story, n, tickets[n], seeds[n]) for n in UPLOADS))
    stored = [one for group in groups for one in group]
    assert len(stored) == 200
    for node, group in zip(UPLOADS, groups, strict=True):
        for one in group:
            assert await story.read(node, one.path) == (200, one.body)
    await story.everywhere(stored)
    for one in stored:
        await eventually(lambda s=one: story.in_catalog(s.asset_id, 3), f"the catalog lacks {one}")


async def _killed_after_each(
    story: Story, node: str, tickets: list[dict[str, Any]], seed: int
) -> list[Stored]:
    process, stored = story.cluster.daemons[node], []
    for n, ticket in enumerate(tickets):
        stored.append(await story.put(ticket, picture(seed + n)))
        await process.kill(restart=False)
        await process.start()
    return stored


async def test_50_uploads_while_nats_is_down_arrive_everywhere_when_it_is_back(story: Story) -> None:
    tickets = [await story.ticket_for(EU) for _ in range(50)]
    await story.cluster.engines.nats.stop()
    try:
        stored = [await story.put(ticket, picture(10_000 + n)) for n, ticket in enumerate(tickets)]
        assert (await story.read(EU, stored[-1].path))[0] == 200
        assert (await story.resolve_handle(stored[0], EU))["node"] == EU
    finally:
        await story.cluster.engines.nats.start()
    await story.everywhere(stored)


async def test_uploads_and_issued_urls_work_while_mongodb_is_down_and_the_catalog_catches_up(
    story: Story,
) -> None:
    before = await story.upload(US, picture(12_000))
    await story.everywhere([before])
    await story.cluster.engines.mongodb.stop()
    try:
        stored = [await story.put(await story.ticket(US), picture(12_001 + n)) for n in range(10)]
        for one in [before, *stored]:
            assert await story.read(US, one.path) == (200, one.body)
            assert (await story.resolve_handle(one, US))["node"] == US
        await story.everywhere(stored)
    finally:
        await story.cluster.engines.mongodb.start()
    for one in stored:
        await eventually(lambda s=one: story.in_catalog(s.asset_id, 3), f"the catalog lacks {one}")


async def test_without_redis_the_answers_are_the_same(story: Story) -> None:
    one = await story.upload(AP, picture(3000))
    await eventually(lambda: story.in_catalog(one.asset_id, 3), "the catalog lacks it")
    with_redis = [await story.resolve(one.asset_id, place) for place in NODES]
    await story.cluster.engines.redis.stop()
    try:
        assert [await story.resolve(one.asset_id, place) for place in NODES] == with_redis
        other = await story.upload(AP, picture(3001))
        await eventually(lambda: story.in_catalog(other.asset_id), "no catalog without Redis")
    finally:
        await story.cluster.engines.redis.start()
    assert [await story.resolve(one.asset_id, place) for place in NODES] == with_redis


async def test_a_node_that_is_down_is_passed_over_and_catches_up_when_it_is_back(story: Story) -> None:
    one = await story.upload(AP, picture(4000))
    await eventually(lambda: story.in_catalog(one.asset_id, 3), "the catalog lacks it")
    assert (await story.resolve(one.asset_id, AP))[1]["node"] == AP
    await story.cluster.daemons[AP].stop()

    async def elsewhere() -> bool:
        status, answer = await story.resolve(one.asset_id, AP)
        return status == 200 and answer["node"] != AP

    await eventually(elsewhere, "clients are still sent to a dead node", seconds=5.0)
    _, answer = await story.resolve(one.asset_id, AP)
    async with story.session.get(answer["url"]) as response:
        assert await response.read() == one.body
    missed = [await story.upload(EU, picture(4001 + n)) for n in range(20)]
    await story.cluster.daemons[AP].start()
    await story.everywhere(missed)

    async def home() -> bool:
        return bool((await story.resolve(one.asset_id, AP))[1]["node"] == AP)

    await eventually(home, "a node that is back gets no clients")


async def test_two_clients_with_the_same_bytes_make_one_blob_and_two_assets(story: Story) -> None:
    body = picture(5000)
    tickets = [await story.ticket_for(EU), await story.ticket_for(EU)]
    first, second = await asyncio.gather(*(story.put(ticket, body) for ticket in tickets))
    assert first.sha256 == second.sha256
    assert first.asset_id != second.asset_id
    files = list(story.cluster.paths.data(EU).glob(f"blobs/*/*/*/{first.sha256}.jpg"))
    assert len(files) == 1
    for one in (first, second):
        await eventually(lambda s=one: story.in_catalog(s.asset_id, 3), f"the catalog lacks {one}")


async def test_a_replicator_killed_in_the_middle_of_pulls_leaves_no_partial_file(story: Story) -> None:
    replicator = story.cluster.daemons[f"{US}-replicator"]
    bodies = [picture(6000 + n, side=700) for n in range(30)]
    stored = [await story.upload(EU, body) for body in bodies]
    for _ in range(5):
        pid = replicator.status.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        for one in stored:
            status, body = await story.read(US, one.path)
            assert (status, body) == (200, one.body)
        await replicator.wait_ready(30)
    await story.everywhere(stored)
    for path in story.cluster.paths.data(US).glob("blobs/*/*/*/*"):
        assert path.stat().st_size > 0
        assert path.name.startswith(hashlib.sha256(path.read_bytes()).hexdigest())
