"""Stories: each engine is killed, and all of them at once, and every kind of operation goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count

import aiohttp
import pytest
import pytest_asyncio

from atoll.client.async_client import AsyncClient
from atoll.local.cluster import LocalCluster
from probe.command import atoll
from probe.repair_story import delete, gone
from probe.story import AP, BUCKET, EU, NODES, US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

ENGINES = ("nats", "mongodb", "valkey")
AWAY = {**{name: (name,) for name in ENGINES}, "all of them": ENGINES}
_seeds = count(1)


@dataclass
class Away:
    """What the cluster had before, and what was done to it while engines are away."""

    story: Story
    engines: tuple[str, ...]
    before: list[Stored] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    deleted: list[Stored] = field(default_factory=list)

    async def back(self) -> None:
        """The engines are started again."""
        for name in self.engines:
            await self.story.cluster.engines.process(name).start()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    extra = {
        "storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1},
        "replicator": {"repair_seconds": 2.0},
    }
    directory = tmp_path_factory.mktemp("engines-away")
    async with (
        LocalCluster(directory, environ=dict(os.environ), extra=extra, known_ports=False) as cluster,
        aiohttp.ClientSession() as session,
    ):
        yield Story(cluster, session)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=AWAY, ids=AWAY)
async def away(story: Story, request: pytest.FixtureRequest) -> AsyncIterator[Away]:
    """Killed once for all stories of the file, which are told of one engine after another."""
    scene = Away(story, AWAY[request.param])
    scene.before = [await story.upload(node, picture(next(_seeds))) for node in (*NODES, EU, EU)]
    await story.everywhere(scene.before)
    for one in scene.before:
        await eventually(lambda s=one: story.in_catalog(s.asset_id, len(NODES)), "the catalog lacks it")
    engines = story.cluster.engines
    await asyncio.gather(*(engines.process(name).kill(restart=False) for name in scene.engines))
    try:
        yield scene
    finally:
        await scene.back()


async def test_images_are_read_on_every_node(away: Away) -> None:
    for one in away.before:
        for node in NODES:
            assert await away.story.read(node, one.path) == (200, one.body)


async def test_urls_are_found_by_handle_and_no_image_is_said_not_to_exist(away: Away) -> None:
    one = away.before[0]
    for place in NODES:
        assert (await away.story.resolve_handle(one, place))["node"] == place
        status, answer = await away.story.resolve(one.asset_id, place)
        assert status in {200, 503}, answer


async def test_an_upload_is_taken_and_read_back(away: Away) -> None:
    one = await away.story.upload(EU, picture(next(_seeds)))
    away.stored.append(one)
    assert await away.story.read(EU, one.path) == (200, one.body)


async def test_an_upload_that_wants_every_region_is_in_every_region(away: Away) -> None:
    story = away.story
    body = picture(next(_seeds))
    ticket = await story.ticket(US, durability="all")
    one = await story.put(ticket, body)
    away.stored.append(one)
    for node in NODES:
        assert await story.holds(node, one.sha256)


async def test_a_delete_is_taken(away: Away) -> None:
    story, doomed = away.story, away.before[3]
    await delete_by_name(story, doomed)
    away.deleted.append(doomed)
    assert not all([await story.holds(node, doomed.sha256) for node in NODES])


async def delete_by_name(story: Story, one: Stored) -> None:
    """With the name: then no catalog is needed."""
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    parameters = {"bucket": BUCKET, "public_id": one.asset_id}

    async def taken() -> bool:
        url = f"{story.query}/v1/assets/{one.asset_id}"
        async with story.session.delete(url, params=parameters, headers=headers) as response:
            return response.status == 200

    await eventually(taken, "the delete is not taken")


async def test_a_deleted_image_is_restored(away: Away) -> None:
    story, one = away.story, away.before[4]
    await delete_by_name(story, one)
    order = {"asset_id": one.asset_id, "bucket": BUCKET, "public_id": one.asset_id, "set": "s1"}

    async def restored() -> bool:
        for node in NODES:
            if (await story.internal(node, "POST", "/internal/v1/restores", order))[0] == 200:
                return True
        return False

    await eventually(restored, "no node restores it")
    away.stored.append(one)
    assert any([await story.read(node, one.path) == (200, one.body) for node in NODES])


async def test_a_proof_asks_the_nodes_themselves(away: Away) -> None:
    code, verdict = await atoll(away.story.cluster, "verify", "--deep", away.before[0].asset_id)
    assert (code, verdict["proven"]) == (0, True), verdict


async def test_once_the_engines_are_back_all_of_it_is_everywhere_and_in_the_catalog(away: Away) -> None:
    await away.back()
    await away.story.everywhere([*away.before[:3], *away.stored])
    await gone(away.story, away.deleted)
    for one in away.stored:
        await eventually(
            lambda s=one: away.story.in_catalog(s.asset_id, len(NODES)), f"the catalog lacks {one}", 60
        )
    async with AsyncClient([away.story.query], away.story.cluster.admin_key) as client:
        for one in away.stored:
            assert await client.get(one.asset_id) == one.body
    await delete(away.story, away.stored[0])
    await gone(away.story, away.stored[:1])
    assert await away.story.read(AP, away.before[2].path) == (200, away.before[2].body)
