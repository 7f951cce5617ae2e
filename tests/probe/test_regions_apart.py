"""A whole cluster over the shipped NATS of three regions: one is cut off, uploads go on on both sides.

Told in full only: make test LONG=1."""

from __future__ import annotations

import os

import aiohttp
import pytest
from how_long import LONG
from nats_regions import NAMES, Regions

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS
from atoll.local.engines import GivenUrls
from probe.story import AP, EU, NODES, US, Story, eventually, picture

pytestmark = [
    pytest.mark.probe,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not LONG, reason="make test LONG=1"),
]


def settings(regions):
    """Each daemon hears its own region's servers; the map is at home in the first one."""
    extra = {"monitor": of(regions, NAMES[0])}
    for region in REGIONS:
        own = of(regions, region.name)
        node = {"nats_region_domain": region.name, "reserve_bytes": 0, "faces": "off", "inspectors": 1}
        extra[f"{region.name}-1"] = own | node
        extra[f"{region.name}-1-replicator"] = own
        extra[f"query-{region.name}"] = own
    return extra


def of(regions, region):
    return {"nats_url": regions.url(region), "nats_tls_ca_file": regions.ca, "nats_map_domain": NAMES[0]}


async def test_uploads_go_on_on_both_sides_of_a_cut_and_all_converge_after(tmp_path):
    assert tuple(region.name for region in REGIONS) == NAMES
    async with Regions(tmp_path) as regions:
        given = GivenUrls(nats=regions.url(NAMES[0]))
        cluster = LocalCluster(
            tmp_path / "cluster",
            given=given,
            environ=dict(os.environ),
            extra=settings(regions),
            known_ports=False,
        )
        async with cluster, aiohttp.ClientSession() as session:
            story = Story(cluster, session)
            before = [await story.upload(node, picture(seed)) for seed, node in enumerate(NODES)]
            await story.everywhere(before)
            await regions.cut_off(US.removesuffix("-1"))
            during = [
                await story.upload(node, picture(10 + seed)) for seed, node in enumerate((EU, US, AP, US))
            ]
            for one in during:
                assert await story.read(EU, one.path) == (200, one.body)
            # Each side's daemons can be started anew while it is cut off.
            replicator = cluster.daemons[f"{US}-replicator"]
            await replicator.stop()
            await replicator.start()
            regions.mend()
            after = [await story.upload(node, picture(20 + seed)) for seed, node in enumerate(NODES)]
            everything = [*before, *during, *after]
            await story.everywhere(everything)
            for one in everything:
                await eventually(
                    lambda one=one: story.in_catalog(one.asset_id, 3), "the catalog lacks a location", 60
                )
