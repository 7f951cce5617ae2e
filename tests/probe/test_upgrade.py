"""Two versions side by side: a node of the release before in a cluster of today, then upgraded."""

from __future__ import annotations

import os

import aiohttp
import pytest

from probe.previous_release import MixedCluster, previous_release, unpack
from probe.story import AP, EU, Story, eventually, picture

RELEASE = previous_release()
SETTINGS = {"storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1}}

pytestmark = [pytest.mark.probe, pytest.mark.timeout(300)]


@pytest.mark.skipif(RELEASE is None, reason="there is no release before this one yet (no tag v*)")
async def test_a_node_of_the_release_before_takes_part_and_is_upgraded_on_its_data(tmp_path):
    assert RELEASE is not None
    source = unpack(RELEASE, tmp_path / "source")
    old = (AP, f"{AP}-replicator")
    cluster = MixedCluster(
        tmp_path / "cluster", source, old, environ=dict(os.environ), extra=SETTINGS, known_ports=False
    )
    async with cluster, aiohttp.ClientSession() as session:
        story = Story(cluster, session)
        stored = [await story.upload(node, picture(seed)) for seed, node in enumerate((EU, AP, EU, AP))]
        await story.everywhere(stored)
        for one in stored:
            assert await story.read(AP, one.path) == (200, one.body)
            assert await story.read(EU, one.path) == (200, one.body)
            await eventually(lambda one=one: story.in_catalog(one.asset_id, 3), "not in the catalog")
        await cluster.upgrade(*old)
        after = [await story.upload(node, picture(10 + seed)) for seed, node in enumerate((AP, EU))]
        await story.everywhere([*stored, *after])
        for one in (*stored, *after):
            assert await story.read(AP, one.path) == (200, one.body)
