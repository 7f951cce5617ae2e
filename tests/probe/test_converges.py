"""Stories: no stream says anything and no database knows anything, and the nodes of a set become equal."""

from __future__ import annotations

import asyncio

import pytest

from probe.repair_story import (
    REPLICATORS,
    all_complete,
    another_node,
    delete,
    empty_catalog,
    gone,
    metric,
    outboxes_empty,
    start_from_nothing,
    wipe_streams,
)
from probe.story import AP, EU, NODES, US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def _stop(story: Story, *daemons: str) -> None:
    await asyncio.gather(*(story.cluster.daemons[name].stop() for name in daemons))


async def _start(story: Story, *daemons: str) -> None:
    await asyncio.gather(*(story.cluster.daemons[name].start() for name in daemons))


async def _uploads(story: Story, node: str, seeds: range) -> list[Stored]:
    return [await story.upload(node, picture(seed)) for seed in seeds]


async def test_with_every_stream_wiped_and_mongodb_empty_the_set_converges(story: Story) -> None:
    await _stop(story, *REPLICATORS)
    stored = [
        one for n, node in enumerate(NODES) for one in await _uploads(story, node, range(n * 20, n * 20 + 20))
    ]
    assert not await story.holds(US, stored[0].sha256)
    await outboxes_empty(story)
    await wipe_streams(story)
    empty_catalog(story)
    await _start(story, *REPLICATORS)
    await story.everywhere(stored)
    await all_complete(story)
    mended = [await metric(story, name, "atoll_replicator_repair_mended_total") for name in REPLICATORS]
    assert all(mended), mended


async def test_equal_nodes_exchange_almost_nothing(story: Story) -> None:
    await all_complete(story)

    async def moved() -> tuple[float, float]:
        moved = [
            await metric(story, name, "atoll_replicator_repair_compared_bytes_total") for name in REPLICATORS
        ]
        rounds = [
            await metric(story, name, "atoll_replicator_repair_comparisons_total") for name in REPLICATORS
        ]
        return sum(moved), sum(rounds)

    bytes_before, rounds_before = await moved()

    async def compared_again() -> bool:
        return (await moved())[1] >= rounds_before + 6

    await eventually(compared_again, "no comparisons", 60)
    bytes_after, rounds_after = await moved()
    assert (bytes_after - bytes_before) / (rounds_after - rounds_before) < 2000


async def test_a_delete_that_a_node_slept_through_is_not_undone_by_it(story: Story) -> None:
    stored = await _uploads(story, EU, range(100, 110))
    await story.everywhere(stored)
    doomed, kept = stored[:5], stored[5:]
    await _stop(story, AP, f"{AP}-replicator")
    for one in doomed:
        await delete(story, one)
    for node in (EU, US):
        for one in doomed:
            await eventually(lambda n=node, s=one: _lacks(story, n, s), f"{node} still holds {one}")
    await outboxes_empty(story, (EU, US))
    await wipe_streams(story)
    await _start(story, AP, f"{AP}-replicator")
    await gone(story, doomed)
    await all_complete(story)
    await gone(story, doomed, 5)
    await story.everywhere(kept)


async def _lacks(story: Story, node: str, one: Stored) -> bool:
    return not await story.holds(node, one.sha256)


async def test_a_node_whose_disk_was_lost_is_filled_by_its_peers(story: Story) -> None:
    stored = await _uploads(story, US, range(200, 230))
    await story.everywhere(stored)
    await outboxes_empty(story)
    await _stop(story, AP)
    await wipe_streams(story)
    await start_from_nothing(story, AP)
    await story.everywhere(stored)
    await all_complete(story)


async def test_a_fresh_node_that_joins_is_filled(story: Story) -> None:
    stored = await _uploads(story, US, range(300, 330))
    await story.everywhere(stored)
    await outboxes_empty(story)
    await wipe_streams(story)
    async with another_node(story, "eu-central-2") as url:
        for one in stored:

            async def held(s: Stored = one) -> bool:
                return await story.holds_at(url, "eu-central-2", s.sha256)

            await eventually(held, f"the fresh node lacks {one}", 60)
            async with story.session.get(url + one.path) as response:
                assert await response.read() == one.body
