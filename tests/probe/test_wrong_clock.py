"""Stories: the clock of one region is a day ahead, or a day behind, and nothing is lost or comes back.

What is signed is good for a minute, so a node with such a clock and its peers do not let each other in: it
serves what it has, and catches up once its clock is right.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from atoll.local.cluster_plan import BUCKET
from probe.repair_story import all_complete, gone
from probe.rigged_cluster import RiggedStory, rigged_story
from probe.story import AP, EU, NODES, US, Stored, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

DAY = 86_400
SETTINGS: dict[str, dict[str, Any]] = {
    "storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1, "trash_seconds": DAY // 2},
    "replicator": {"repair_seconds": 1.0, "repair_grace_seconds": 1.0},
}
WRONG = (AP, f"{AP}-replicator")
_seeds = count(1)


@dataclass
class Skewed:
    """What there was before, and what was done since."""

    story: RiggedStory
    ahead: bool
    before: list[Stored]
    stored: list[Stored] = field(default_factory=list)
    deleted: list[Stored] = field(default_factory=list)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RiggedStory]:
    async with rigged_story(tmp_path_factory.mktemp("clocks"), SETTINGS) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[DAY, -DAY], ids=["ahead", "behind"])
async def skewed(story: RiggedStory, request: pytest.FixtureRequest) -> AsyncIterator[Skewed]:
    """Singapore's machine has a wrong clock: its node and its replicator."""
    before = [await story.upload(node, picture(next(_seeds))) for node in (*NODES, EU, EU)]
    await story.everywhere(before)
    await turn(story, WRONG, request.param)
    yield Skewed(story, request.param > 0, before)
    await turn(story, WRONG, 0)


async def turn(story: RiggedStory, daemons: tuple[str, ...], seconds: float) -> None:
    """Daemons learn the time when they start."""
    for name in daemons:
        await story.cluster.daemons[name].stop()
        story.rigged.rig(name).clock.write_text(str(seconds))
        await story.cluster.daemons[name].start()


async def _delete(story: RiggedStory, one: Stored) -> None:
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}

    async def taken() -> bool:
        url = f"{story.query}/v1/assets/{one.asset_id}"
        parameters = {"bucket": BUCKET, "public_id": one.asset_id}
        async with story.session.delete(url, params=parameters, headers=headers) as response:
            return response.status == 200

    await eventually(taken, "the delete is not taken")


async def test_the_node_serves_what_it_has(skewed: Skewed) -> None:
    for one in skewed.before:
        assert await skewed.story.read(AP, one.path) == (200, one.body)


async def test_the_others_go_on_without_it(skewed: Skewed) -> None:
    story = skewed.story
    stored = [await story.upload(node, picture(next(_seeds))) for node in (EU, US)]
    for node, one in ((EU, stored[1]), (US, stored[0])):
        await eventually(lambda n=node, s=one: story.holds(n, s.sha256), f"{node} lacks {one}")
    skewed.stored += stored


async def test_an_upload_to_it_is_taken_for_good_or_refused_with_the_reason(skewed: Skewed) -> None:
    story, body = skewed.story, picture(next(_seeds))
    ticket = await story.ticket_for(AP)
    async with story.session.put(ticket["upload_url"], data=io.BytesIO(body)) as response:
        answer = await response.json()
    if skewed.ahead:
        assert (response.status, answer["type"].rpartition(":")[2]) == (401, "ticket-expired"), answer
        return
    assert response.status == 201, answer
    skewed.stored.append(Stored(answer["asset_id"], answer["sha256"], answer["path"], body))


async def test_what_is_deleted_meanwhile_is_gone_where_clocks_are_right(skewed: Skewed) -> None:
    doomed = skewed.before[3]
    await _delete(skewed.story, doomed)
    skewed.deleted.append(doomed)
    for node in (EU, US):
        await eventually(lambda n=node: _lacks(skewed.story, n, doomed), f"{node} still holds it")


async def _lacks(story: RiggedStory, node: str, one: Stored) -> bool:
    return not await story.holds(node, one.sha256)


async def test_what_is_deleted_can_be_restored_though_it_thinks_the_time_is_over(skewed: Skewed) -> None:
    story, one = skewed.story, skewed.before[4]
    await _delete(story, one)
    order = {"asset_id": one.asset_id, "bucket": BUCKET, "public_id": one.asset_id, "set": "s1"}
    assert (await story.internal(EU, "POST", "/internal/v1/restores", order))[0] == 200
    skewed.stored.append(one)
    assert await story.read(EU, one.path) == (200, one.body)


async def test_once_its_clock_is_right_all_is_equal_and_nothing_deleted_is_back(skewed: Skewed) -> None:
    story = skewed.story
    await turn(story, WRONG, 0)
    await story.everywhere([*skewed.before[:3], *skewed.stored])
    await gone(story, skewed.deleted)
    await all_complete(story)
    await gone(story, skewed.deleted, 5)


@pytest.mark.parametrize("seconds", [DAY, -DAY], ids=["ahead", "behind"])
async def test_a_query_service_with_a_wrong_clock_costs_clients_one_retry_and_loses_nothing(
    story: RiggedStory, seconds: int
) -> None:
    one = await story.upload(US, picture(next(_seeds)))
    await eventually(lambda: story.in_catalog(one.asset_id, len(NODES)), "the catalog lacks it")
    await turn(story, ("query-eu-central",), seconds)
    try:
        stored = [await _upload_by_whoever_can(story) for _ in range(3)]
        await story.everywhere([one, *stored])
        for each in (one, *stored):
            await eventually(lambda s=each: story.in_catalog(s.asset_id, len(NODES)), "the catalog lacks it")
    finally:
        await turn(story, ("query-eu-central",), 0)


async def _upload_by_whoever_can(story: RiggedStory) -> Stored:
    """A ticket of the first query service, and of the second when the node does not take that."""
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    body, refusals = picture(next(_seeds)), []
    for url in story.queries:
        async with story.session.post(
            f"{url}/v1/uploads", json={"bucket": BUCKET}, headers=headers
        ) as response:
            ticket = await response.json()
        if response.status != 201:  # it has only just started and knows of no node yet
            refusals.append(ticket)
            continue
        async with story.session.put(ticket["upload_url"], data=io.BytesIO(body)) as response:
            answer = await response.json()
        if response.status == 201:
            return Stored(answer["asset_id"], answer["sha256"], answer["path"], body)
        refusals.append(answer)
    raise AssertionError(refusals)
