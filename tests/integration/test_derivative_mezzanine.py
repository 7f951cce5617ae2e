"""HEIC on a node: decoded once for all small derivatives, by way of a copy that is a derivative itself."""

from __future__ import annotations

import asyncio
import io
from functools import cache
from pathlib import Path

import pytest
from derivative_stage import OPEN, hold, kept, picture_of, renders, stage, target_of
from picture_maker import heic, likeness, scene
from PIL import Image
from read_cluster import ReadCluster, ReadNode, flip

from atoll.bucket import Bucket, RenderPolicy
from atoll.model import AssetRecord, Face, Picture

pytestmark = pytest.mark.asyncio
SIZE = (2560, 640)


@cache
def body() -> bytes:
    return heic(scene(*SIZE))


def held(node: ReadNode, picture: Picture | None = None) -> AssetRecord:
    return hold(node, body(), ext="heic", picture=picture or Picture(*SIZE))


async def got(cluster: ReadCluster, record: AssetRecord, wanted: str) -> Image.Image:
    (node,) = cluster.nodes
    return picture_of(await cluster.get(node, target_of(record, wanted)))


def copies(node: ReadNode) -> list[Path]:
    return [path for path in kept(node) if "q_90" in path.name]


async def test_the_first_derivative_leaves_a_copy_and_the_others_are_made_of_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = held(node)
        first = await got(cluster, record, "c_fit,f_png,w_300")
        assert renders(node) == 2
        (copy,) = copies(node)
        assert Image.open(io.BytesIO(copy.read_bytes())).size == (2048, 512)
        second = await got(cluster, record, "c_fill,f_png,g_west,h_100,w_100")
        assert renders(node) == 3
        assert len(kept(node)) == 3
        assert likeness(first, scene(*SIZE).resize((300, 75), Image.Resampling.LANCZOS)) > 0.9
        expected = scene(*SIZE).crop((0, 0, 640, 640)).resize((100, 100), Image.Resampling.LANCZOS)
        assert likeness(second, expected) > 0.9


async def test_what_is_wanted_large_is_made_of_the_picture_itself(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        assert (await got(cluster, held(node), "c_limit,w_2500")).size == (2500, 625)
        assert (renders(node), copies(node)) == (1, [])


async def test_many_at_once_make_one_copy(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = held(node)
        wanted = [f"c_fit,w_{width}" for width in (50, 60, 70, 80)]
        made = await asyncio.gather(*(got(cluster, record, one) for one in wanted))
        assert [image.width for image in made] == [50, 60, 70, 80]
        assert renders(node) == 5
        assert len(copies(node)) == 1


async def test_a_copy_that_is_not_what_it_was_is_made_anew(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = held(node)
        await got(cluster, record, "c_fit,w_300")
        (copy,) = copies(node)
        good = copy.read_bytes()
        flip(copy, len(good) // 2)
        assert (await got(cluster, record, "c_fit,w_200")).size == (200, 50)
        assert renders(node) == 4
        assert copies(node)[0].read_bytes() == good


async def test_a_node_that_keeps_nothing_makes_no_copies(tmp_path: Path) -> None:
    async with stage(tmp_path, derivative_bytes=0) as cluster:
        (node,) = cluster.nodes
        assert (await got(cluster, held(node), "c_fit,w_300")).size == (300, 75)
        assert renders(node) == 1


async def test_a_bucket_that_allows_no_side_as_long_gets_no_copies(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        cluster.change(Bucket(OPEN, unsigned_transformations=True, rendering=RenderPolicy(max_side=1000)))
        assert (await got(cluster, held(node), "c_fit,w_300")).size == (300, 75)
        assert (renders(node), copies(node)) == (1, [])


async def test_faces_are_where_they_were_in_the_picture(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        face = Picture(*SIZE, faces=(Face(0.75, 0.2, 0.2, 0.6),))
        made = await got(cluster, held(node, face), "c_fill,f_png,g_face,h_100,w_100")
        assert len(copies(node)) == 1
        middle = round(0.85 * 2560)
        expected = scene(*SIZE).crop((middle - 320, 0, middle + 320, 640))
        assert likeness(made, expected.resize((100, 100), Image.Resampling.LANCZOS)) > 0.85


async def test_nothing_is_left_on_its_way(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        await got(cluster, held(node), "c_fit,w_300")
        assert list(tmp_path.rglob("*.derivative")) == []
