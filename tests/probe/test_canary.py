"""Stories: the monitor's canaries fly from every region to every other, and say so when one does not come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from probe.rigged_cluster import RiggedStory, rigged_story
from probe.story import AP, NODES, Story, eventually

pytestmark = [pytest.mark.probe, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

REGIONS = [node.removesuffix("-1") for node in NODES]
SETTINGS = {
    "storage_node": {"faces": "off", "inspectors": 1},  # nodes that start faster
    "monitor": {"canary_seconds": 1.0, "canary_patience_seconds": 2.0},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RiggedStory]:
    """A cluster whose canaries fly every second."""
    directory = tmp_path_factory.mktemp("canaries")
    async with rigged_story(directory, SETTINGS, canaries=True) as running:
        yield running


async def _matrix(story: Story) -> dict[tuple[str, str], dict[str, Any]]:
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    async with story.session.get(story.cluster.url("monitor") + "/v1/canaries", headers=headers) as response:
        rows = (await response.json())["canaries"]
    return {(row["from"], row["to"]): row for row in rows}


async def test_canaries_come_through_between_all_regions(story: Story) -> None:
    pairs = {(a, b) for a in REGIONS for b in REGIONS}

    async def all_well() -> bool:
        seen = await _matrix(story)
        return seen.keys() == pairs and all(row["ok"] and row["flown"] >= 2 for row in seen.values())

    await eventually(all_well, "not every canary comes through", 60)
    seen = await _matrix(story)
    assert all(row["lag_ms"] >= 0 and row["read_ms"] > 0 for row in seen.values())
    assert all(
        (row["outcome"], row["old"], row["day"], row["week"]) == ("ok", False, 1, 1) for row in seen.values()
    )
    async with story.session.get(story.cluster.url("monitor") + "/metrics") as response:
        assert f'atoll_canary_ok{{from="{REGIONS[0]}"' in await response.text()


async def test_their_key_opens_nothing_but_their_own_bucket(story: Story) -> None:
    key = (story.cluster.paths.state("monitor") / "canary.key").read_text().strip()
    admin = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    async with story.session.get(f"{story.query}/v1/keys", headers=admin) as response:
        made = [one for one in (await response.json())["keys"] if one["name"] == "canary-monitor"]
    assert [one["buckets"] for one in made] == [["atoll-canary"]]
    assert [one["prefixes"] for one in made] == [["canary/"]]
    limited = {"Authorization": f"Bearer {key}"}
    async with story.session.get(f"{story.query}/v1/keys", headers=limited) as response:
        assert response.status == 403
    async with story.session.get(f"{story.query}/v1/assets?bucket=images", headers=limited) as response:
        assert response.status in {403, 404}
    order = {"bucket": "atoll-canary", "public_id": "elsewhere"}
    async with story.session.post(f"{story.query}/v1/uploads", json=order, headers=limited) as response:
        assert response.status == 403
    async with story.session.get(f"{story.query}/v1/buckets/atoll-canary", headers=admin) as response:
        bucket = await response.json()
    assert (bucket["visibility"], bucket["allowed"], bucket["versioning"]) == ("private", ["png"], False)


async def test_a_region_that_is_gone_is_told_and_its_return_too(story: Story) -> None:
    region = AP.removesuffix("-1")

    async def row() -> dict[str, Any]:
        return (await _matrix(story))[REGIONS[0], region]

    async def lost() -> bool:
        return not (await row())["ok"]

    async def back() -> bool:
        return bool((await row())["ok"])

    await story.cluster.daemons[AP].stop()
    await eventually(lost, "nobody misses the canary", 60)
    assert (await row())["why"]
    assert (await row())["outcome"] in {"lost", "failed"}
    await story.cluster.daemons[AP].start()
    await eventually(back, "the canary does not come back", 60)


async def test_a_monitor_killed_while_canaries_fly_sends_others_and_none_is_left_behind(
    story: RiggedStory,
) -> None:
    async with story.dies("monitor", "canary flies"):
        pass

    async def all_well() -> bool:
        seen = await _matrix(story)
        return len(seen) == len(REGIONS) ** 2 and all(row["ok"] for row in seen.values())

    await eventually(all_well, "no canaries in its next life", 60)
    await story.cluster.daemons["monitor"].stop()
    headers = {"Authorization": f"Bearer {story.cluster.admin_key}"}
    parameters = {"bucket": "atoll-canary"}

    async def none_left() -> bool:
        """A stop is orderly: even the canary under way is erased; the killed one had its name."""
        url = f"{story.query}/v1/assets"
        async with story.session.get(url, params=parameters, headers=headers) as response:
            return not (await response.json())["assets"]

    await eventually(none_left, "canaries are left behind")
