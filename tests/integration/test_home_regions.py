"""A bucket with home regions: nodes elsewhere keep none of it and send clients inside."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_cluster import PUBLIC, path_of, read_cluster

from atoll.bucket import Bucket

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]


async def test_a_node_outside_redirects_to_the_nearest_inside_and_keeps_nothing(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1", "s1", "s2")) as cluster:
        eu, us, outside = cluster.nodes
        record = eu.hold(b"picture")
        us.hold(b"picture", record)
        cluster.change(Bucket(PUBLIC, home_regions=("eu", "us")))
        path = path_of(record)
        for target in (path, f"{path}?exp=1&sig=a", path.replace("/s1/", "/w_20/s1/")):
            async with cluster.session.get(outside.url + target, allow_redirects=False) as response:
                assert response.status == 307
                assert response.headers["Location"] in {eu.url + target, us.url + target}
                assert response.headers["Cache-Control"] == "no-store"
        assert (await cluster.get(eu, path)).body == b"picture"
        assert outside.index.blob(PUBLIC, record.blob.sha256) is None
        assert not eu.asked_for("/blobs/")
        assert not us.asked_for("/blobs/")


async def test_what_was_in_memory_before_the_bucket_got_home_regions_is_not_served(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1", "s2")) as cluster:
        inside, outside = cluster.nodes
        path = path_of(inside.hold(b"picture"))
        assert (await cluster.get(outside, path)).body == b"picture"
        cluster.change(Bucket(PUBLIC, home_regions=("eu",)))
        async with cluster.session.get(outside.url + path, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (307, inside.url + path)


async def test_a_set_that_has_no_node_inside_has_no_such_image(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1", "s2")) as cluster:
        _, outside = cluster.nodes
        record = outside.hold(b"picture")
        cluster.change(Bucket(PUBLIC, home_regions=("eu",)))
        assert (await cluster.get(outside, path_of(record))).status == 404
