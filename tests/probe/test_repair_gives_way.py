"""Stories: a node is filled while people use it, and repair steps back by what the node says of its load."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import aiohttp
import pytest

from atoll.ids import new_id, now_ms
from atoll.local.cluster_plan import BUCKET
from atoll.signing import Keys, Ticket, sign_token
from probe.repair_story import fresh_node, its_replicator, metric_at, outboxes_empty, wipe_streams
from probe.story import US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

FRESH = "eu-central-3"
PLACES = 4  # for uploads: so many at once make the node's load 1
BYTES_PER_SECOND = 60_000  # of repair: some twenty pictures, so that there is a while to look at


async def test_repair_gives_way_while_the_node_is_busy_goes_on_all_the_same_and_recovers(
    story: Story,
) -> None:
    stored = [await story.upload(US, picture(seed)) for seed in range(5000, 5120)]
    await story.everywhere(stored)
    await outboxes_empty(story)
    await wipe_streams(story)
    async with fresh_node(story, FRESH, max_uploads=PLACES) as url, AsyncExitStack() as busy:
        await busy.enter_async_context(_uploads_without_end(story, url))
        await eventually(lambda: _is(story, url, "atoll_load", 1.0), "the node does not say that it is busy")
        async with its_replicator(story, FRESH, repair_bytes_per_second=BYTES_PER_SECOND) as replicator:
            await _stepped_back(story, replicator)
            await _goes_on(story, replicator)
            await _reads_are_answered(story, url, stored[0])
            assert not await _is_whole(story, url, stored)
            await busy.aclose()
            await _recovered(story, replicator)
            await eventually(lambda: _is_whole(story, url, stored), "it is never filled", 120, every=0.5)


async def _stepped_back(story: Story, replicator: str) -> None:
    async def one_at_a_time_with_rests() -> bool:
        allowed = await metric_at(story, replicator, "atoll_replicator_repair_allowed ")
        rest = await metric_at(story, replicator, "atoll_replicator_repair_rest_seconds ")
        return allowed == 1 and rest >= 0.2

    await eventually(one_at_a_time_with_rests, "repair does not step back", 60)
    assert await metric_at(story, replicator, "atoll_replicator_repair_under_way ") <= 1


async def _goes_on(story: Story, replicator: str) -> None:
    mended = await metric_at(story, replicator, "atoll_replicator_repair_mended_total")

    async def more() -> bool:
        return await metric_at(story, replicator, "atoll_replicator_repair_mended_total") > mended + 1

    await eventually(more, "repair starves", 60)
    assert await metric_at(story, replicator, "atoll_replicator_repair_allowed ") == 1


async def _recovered(story: Story, replicator: str) -> None:
    async def several_without_rest() -> bool:
        allowed = await metric_at(story, replicator, "atoll_replicator_repair_allowed ")
        rest = await metric_at(story, replicator, "atoll_replicator_repair_rest_seconds ")
        return allowed > 1 and rest == 0

    await eventually(several_without_rest, "repair does not recover", 60)


async def _is(story: Story, url: str, name: str, value: float) -> bool:
    return await metric_at(story, url, name) >= value


async def _is_whole(story: Story, url: str, stored: list[Stored]) -> bool:
    return all([await story.holds_at(url, FRESH, one.sha256) for one in stored])


async def _reads_are_answered(story: Story, url: str, one: Stored) -> None:
    async with story.session.get(url + one.path) as response:
        assert await response.read() == one.body


@asynccontextmanager
async def _uploads_without_end(story: Story, url: str) -> AsyncIterator[None]:
    """As many as the node has places for; each sends a little all the time, and is cut off at the end."""
    keys = Keys((story.cluster.paths.secrets / "cluster-secret").read_bytes().strip())
    async with aiohttp.ClientSession() as session:
        uploads = [
            asyncio.create_task(_upload(session, url, _ticket(keys)), name=f"upload {n}")
            for n in range(PLACES)
        ]
        try:
            yield
            assert not any(upload.done() for upload in uploads)
        finally:
            for upload in uploads:
                upload.cancel()
            await asyncio.gather(*uploads, return_exceptions=True)


async def _upload(session: aiohttp.ClientSession, url: str, ticket: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield picture(1)
        while True:  # faster than the slowest that is let in
            yield os.urandom(2048)
            await asyncio.sleep(0.1)

    async with session.put(f"{url}/v1/uploads?ticket={quote(ticket)}", data=body()) as response:
        raise AssertionError(f"an upload ended: {response.status} {await response.text()}")


def _ticket(keys: Keys) -> str:
    ticket = Ticket(
        ticket_id=new_id(),
        node=FRESH,
        set="s1",
        bucket=BUCKET,
        asset_id=new_id(),
        expires_at=now_ms() + 3_600_000,
        max_bytes=32 * 2**20,
    )
    return sign_token(ticket, keys.ticket)
