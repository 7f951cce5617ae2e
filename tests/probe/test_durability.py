"""Stories: an upload asks for more than one region, and the answer is honest about what is confirmed."""

from __future__ import annotations

import io
from typing import Any

import pytest

from probe.story import AP, BUCKET, EU, NODES, US, Stored, Story, eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

REGIONS = sorted(node.removesuffix("-1") for node in NODES)


async def _put(story: Story, ticket: dict[str, Any], body: bytes) -> tuple[int, dict[str, Any]]:
    async with story.session.put(ticket["upload_url"], data=io.BytesIO(body)) as response:
        return response.status, await response.json()


def _stored(asset: dict[str, Any], body: bytes) -> Stored:
    return Stored(asset["asset_id"], asset["sha256"], asset["path"], body)


@pytest.mark.parametrize(("durability", "least"), [("regions:2", 2), ("all", 3), ("regions:3", 3)])
async def test_what_201_says_is_so_at_that_moment(story: Story, durability: str, least: int) -> None:
    ticket = await story.ticket(EU, durability=durability)
    status, asset = await _put(story, ticket, picture(hash(durability)))
    assert status == 201, asset
    assert asset["durability"]["complete"] is True
    assert len(asset["durability"]["confirmed"]) >= least
    for place in asset["locations"]:
        assert await story.holds(place["node"], asset["sha256"])
    assert len({place["region"] for place in asset["locations"]}) >= least


async def test_all_regions_confirm_while_nats_is_away(story: Story) -> None:
    ticket = await story.ticket(US, durability="all")
    await story.cluster.engines.nats.stop()
    try:
        status, asset = await _put(story, ticket, picture(1))
        assert (status, asset["durability"]["confirmed"]) == (201, REGIONS)
    finally:
        await story.cluster.engines.nats.start()


async def test_202_says_what_is_confirmed_and_the_upload_is_kept(story: Story) -> None:
    body = picture(2)
    ticket = await story.ticket_for(EU)
    ticket = await story.ticket(EU, durability="all")
    await story.cluster.daemons[AP].stop()
    try:
        status, asset = await _put(story, ticket, body)
        assert status == 202
        confirmed = sorted({EU.removesuffix("-1"), US.removesuffix("-1")})
        assert asset["durability"] == {"wanted": "all", "confirmed": confirmed, "complete": False}
        assert await story.read(EU, asset["path"]) == (200, body)
    finally:
        await story.cluster.daemons[AP].start()
    await story.everywhere([_stored(asset, body)])


async def test_a_bucket_has_a_default_and_an_upload_may_ask_for_less(story: Story) -> None:
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    policy = {"visibility": "public", "durability": "regions:2"}
    url = f"{story.query}/v1/buckets/{BUCKET}"
    async with story.session.put(url, json=policy, headers=headers) as response:
        assert response.status == 200
    try:
        status, asset = await _put(story, await story.ticket(EU), picture(3))
        assert (status, asset["durability"]["wanted"]) == (201, "regions:2")
        status, asset = await _put(story, await story.ticket(EU, durability="local"), picture(4))
        assert (status, "durability" in asset) == (201, False)
    finally:
        async with story.session.put(url, json={"visibility": "public"}, headers=headers) as response:
            assert response.status == 200


@pytest.mark.parametrize("durability", ["regions:4", "regions:0", "everywhere", "regions:2x"])
async def test_what_no_set_can_confirm_is_refused_at_the_ticket(story: Story, durability: str) -> None:
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    order = {"bucket": BUCKET, "durability": durability}
    async with story.session.post(f"{story.query}/v1/uploads", json=order, headers=headers) as response:
        problem = await response.json()
    assert (response.status, problem["parameter"]) == (400, "durability")


async def test_the_redirect_for_curl_takes_it_too(story: Story) -> None:
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    parameters = {"bucket": BUCKET, "durability": "all"}
    url = f"{story.query}/v1/assets"

    async def taken() -> bool:
        async with story.session.post(url, params=parameters, headers=headers, allow_redirects=False) as r:
            assert r.status == 307
            target = r.headers["Location"]
        async with story.session.put(target, data=io.BytesIO(picture(5))) as response:
            return response.status == 201 and (await response.json())["durability"]["complete"]

    await eventually(taken, "the redirected upload is not confirmed")
