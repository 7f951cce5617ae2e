"""Story: what was acknowledged can be read, by name and by id, at every query service, the next moment."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from atoll.local.cluster_plan import BUCKET
from probe.repair_story import delete
from probe.story import NODES, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module")]


async def test_an_upload_is_there_for_whoever_asks_the_next_moment(story: Story) -> None:
    """Several at once, each asked for at once: they come in the midst of the indexer's rests."""
    await asyncio.gather(*(_upload_and_read(story, number) for number in range(24)))


async def test_a_name_that_is_uploaded_again_after_a_delete_is_there_at_once(story: Story) -> None:
    """At both query services, of which one has deleted it, while the news of the delete is under way."""
    for number in range(200, 206):
        name = f"again/{number}"
        first = await story.put(await story.ticket(NODES[number % 3], public_id=name), picture(number))
        await delete(story, first)
        ticket = await story.ticket(NODES[number % 3], public_id=name)
        second = await story.put(ticket, picture(number + 100))
        for query in story.cluster.names("query_service"):
            there = partial(_there, story, query, f"/v1/assets/by-name/{BUCKET}/{name}", second.sha256)
            await eventually(there, "the new one", 5)


async def test_redis_away_an_upload_without_a_name_is_there_all_the_same(story: Story) -> None:
    redis = story.cluster.engines.process("valkey")
    await redis.stop()
    try:
        for number in range(100, 106):
            ticket = await story.ticket(NODES[number % 3])
            stored = await story.put(ticket, picture(number))
            for query in story.cluster.names("query_service"):
                await _found(story, query, f"/v1/assets/{stored.asset_id}")
    finally:
        await redis.start()


async def _upload_and_read(story: Story, number: int) -> None:
    name = f"mine/{number}"
    ticket = await story.ticket(NODES[number % 3], public_id=name)
    stored = await story.put(ticket, picture(number))
    for query in story.cluster.names("query_service"):
        await _found(story, query, f"/i/{BUCKET}/{name}", f"/v1/assets/{stored.asset_id}")


async def _there(story: Story, query: str, path: str, sha256: str) -> bool:
    """Never a 404, and in the end the new one: who asks the service that has not deleted may see the old."""
    async with story.session.get(story.cluster.url(query) + path, headers=story.auth) as response:
        assert response.status == 200, f"{query} {path}: {await response.text()}"
        return bool((await response.json())["sha256"] == sha256)


async def _found(story: Story, query: str, *paths: str) -> None:
    for path in paths:
        async with story.session.get(
            story.cluster.url(query) + path, headers=story.auth, allow_redirects=False
        ) as response:
            assert response.status in (200, 302, 307), f"{query} {path}: {await response.text()}"
