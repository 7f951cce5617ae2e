"""Derivatives over several nodes: one decode a region, whatever the owner does, and never a wrong byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from derivative_stage import CHROME, eventually, hold, kept, origin_of, picture_of, renders, stage, target_of
from picture_maker import saved, scene
from read_cluster import ReadCluster, ReadNode, flip, path_of, until

from atoll.ids import new_id, now_ms
from atoll.model import AssetRecord, Node, Picture, Tombstone
from atoll.transformation.paths import parse_node_path
from storage_node.blob_address import BlobAddress
from storage_node.derivative_owner import owner_of, possible_owners
from storage_node.derivative_resolution import Wanted, wanted_exactly
from storage_node.derivative_wire import FACTS, Question
from storage_node.derivative_wire import path_of as internal_path

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def region(
    directory: Path, sets: tuple[str, ...] = ("s1", "s1", "s1"), **settings: Any
) -> AsyncIterator[ReadCluster]:
    """Nodes that all stand in one region."""
    async with stage(directory, sets, regions=("eu", "eu", "eu"), owner_seconds=10.0, **settings) as cluster:
        yield cluster


def everywhere(cluster: ReadCluster, body: bytes | None = None, **facts: Any) -> AssetRecord:
    """A picture that all nodes hold."""
    first, *others = cluster.nodes
    record = hold(first, body, **facts)
    for node in others:
        node.hold(body or saved("JPEG", scene(300, 200)), record)
    return record


def wanted_of(record: AssetRecord, target: str) -> Wanted:
    found = parse_node_path(target)
    assert found.transformation is not None
    return wanted_exactly(BlobAddress(record.bucket, found.handle), found.transformation, "jpg", ())


def owner_and_others(
    cluster: ReadCluster, record: AssetRecord, target: str
) -> tuple[ReadNode, list[ReadNode]]:
    wanted = wanted_of(record, target)
    nodes = possible_owners(cluster.map.current, "s1", "eu", "", lambda _: "healthy")
    owner = owner_of(wanted.key, nodes)
    assert owner is not None
    return (
        next(node for node in cluster.nodes if node.name == owner.name),
        [node for node in cluster.nodes if node.name != owner.name],
    )


async def test_a_hundred_misses_at_once_on_three_nodes_are_one_decode(tmp_path: Path) -> None:
    async with region(tmp_path) as cluster:
        record = everywhere(cluster, saved("JPEG", scene(2040, 1360)))
        target = target_of(record, "c_fit,h_512,w_512")
        asked = [cluster.get(cluster.nodes[n % 3], target) for n in range(100)]
        answers = await asyncio.gather(*asked)
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == len({a.headers["ETag"] for a in answers}) == 1
        assert picture_of(answers[0]).size == (512, 341)
        assert renders(*cluster.nodes) == 1
        for node in cluster.nodes:
            node.side.ram.clear()
            assert origin_of(await cluster.get(node, target)) == "disk"
            assert len(kept(node)) == 1
        assert sum(node.asked_for("/derivatives/") for node in cluster.nodes) == 2


async def test_owners_are_spread_and_every_node_agrees(tmp_path: Path) -> None:
    async with region(tmp_path) as cluster:
        record = everywhere(cluster)
        for width in range(20, 44):
            target = target_of(record, f"w_{width}")
            for node in cluster.nodes:
                assert (await cluster.get(node, target)).status == 200
        assert renders(*cluster.nodes) == 24
        assert all(renders(node) > 2 for node in cluster.nodes)


async def test_a_region_makes_its_own_and_asks_no_other(tmp_path: Path) -> None:
    async with stage(tmp_path, ("s1", "s1")) as cluster:
        record = everywhere(cluster)
        for node in cluster.nodes:
            assert origin_of(await cluster.get(node, target_of(record, "w_50"))) == "rendered"
            assert node.asked_for("/derivatives/") == 0


async def test_an_owner_that_fails_or_is_away_keeps_nobody_from_a_picture(tmp_path: Path) -> None:
    async with region(tmp_path, sets=("s1", "s1")) as cluster:
        record = everywhere(cluster)
        target = target_of(record, "w_50")
        owner, (other,) = owner_and_others(cluster, record, target)
        owner.disk.failing = True
        answer = await cluster.get(other, target)
        assert (origin_of(answer), renders(owner), renders(other)) == ("rendered", 0, 1)
        assert other.side.derived.counts.fallbacks == 1
        assert other.side.derived.counts.owner_asks["failed"] == 1
        cluster.change(Node(owner.name, "eu", "s1", "http://127.0.0.1:9"))
        away = target_of(record, "w_51")
        assert (await cluster.get(other, away)).status == 200


async def test_a_node_whose_disk_fails_shows_what_its_owner_makes(tmp_path: Path) -> None:
    async with region(tmp_path, sets=("s1", "s1")) as cluster:
        record = everywhere(cluster)
        target = target_of(record, "w_50")
        owner, (other,) = owner_and_others(cluster, record, target)
        other.disk.failing = True
        for expected in ("peer", "ram"):
            assert origin_of(await cluster.get(other, target)) == expected
        assert (renders(owner), kept(other)) == (1, [])
        own = next(
            text
            for text in _widths()
            if owner_and_others(cluster, record, target_of(record, text))[0] is other
        )
        assert (await cluster.get(other, target_of(record, own))).status == 503


def _widths() -> Iterator[str]:
    yield from (f"w_{width}" for width in range(60, 160))


async def test_an_asker_that_goes_away_is_nobodys_trouble(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(tmp_path, ("s1", "s1"), regions=("eu", "eu"), owner_seconds=0.06) as cluster:
        record = everywhere(cluster, saved("JPEG", scene(3000, 2000)))
        target = target_of(record, "e_blur:300,w_1500")
        owner, (other,) = owner_and_others(cluster, record, target)
        path = internal_path(Question(wanted_of(record, target), patient=False))
        this = cluster.map.current.nodes[owner.name]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), other.client.open(this, "GET", path):
                pass
        await until(lambda: renders(owner) == 1)
        assert (await cluster.get(owner, target)).status == 200
    assert not [record for record in caplog.records if record.exc_info]


async def test_an_owner_that_is_silent_is_waited_for_no_longer_than_set(tmp_path: Path) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with stage(tmp_path, ("s1", "s1"), regions=("eu", "eu"), owner_seconds=0.1) as cluster:
        record = everywhere(cluster)
        target = target_of(record, "w_50")
        owner, (other,) = owner_and_others(cluster, record, target)
        silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        cluster.change(Node(owner.name, "eu", "s1", f"http://127.0.0.1:{port}"))
        assert origin_of(await cluster.get(other, target)) == "rendered"
        assert other.side.derived.counts.fallbacks == 1
        silent.close()


async def test_an_owner_that_is_slow_and_says_so_is_waited_for(tmp_path: Path) -> None:
    """Its workers start with the first request, which alone takes longer than others bear silence."""
    async with stage(tmp_path, ("s1", "s1"), regions=("eu", "eu"), owner_seconds=0.15) as cluster:
        record = everywhere(cluster, saved("JPEG", scene(3000, 2000)))
        target = target_of(record, "e_blur:300,w_1500")
        owner, (other,) = owner_and_others(cluster, record, target)
        assert origin_of(await cluster.get(other, target)) == "peer"
        assert (renders(owner), renders(other)) == (1, 0)


async def test_no_owner_is_asked_for_more_at_once_than_set(tmp_path: Path) -> None:
    cluster_of_two = stage(tmp_path, ("s1", "s1"), regions=("eu", "eu"), owner_seconds=0.1, owner_asks=1)
    async with cluster_of_two as cluster:
        record = everywhere(cluster, saved("JPEG", scene(2400, 1600)))
        slow = [f"e_blur:300,w_{width}" for width in range(1200, 1300)]
        owner, (other,) = owner_and_others(cluster, record, target_of(record, slow[0]))
        others = (
            text for text in slow if owner_and_others(cluster, record, target_of(record, text))[0] is owner
        )
        targets = [target_of(record, next(others)) for _ in range(3)]
        answers = await asyncio.gather(*(cluster.get(other, target) for target in targets))
        assert [answer.status for answer in answers] == [200] * 3
        assert renders(owner) < 3
        assert renders(other) == other.side.derived.counts.fallbacks == 3 - renders(owner)


async def test_a_region_makes_one_avif_in_the_background(tmp_path: Path) -> None:
    async with region(tmp_path, avif_inline_pixels=100) as cluster:
        record = everywhere(cluster)
        target = target_of(record, "f_auto,w_200")
        first = [await cluster.get(node, target, Accept=CHROME) for node in cluster.nodes]
        assert {answer.headers["Content-Type"] for answer in first} <= {"image/webp", "image/avif"}
        assert first[0].headers["Content-Type"] == "image/webp"

        async def everywhere_avif() -> bool:
            answers = [await cluster.get(node, target, Accept=CHROME) for node in cluster.nodes]
            return {answer.headers["Content-Type"] for answer in answers} == {"image/avif"}

        await eventually(everywhere_avif)
        assert renders(*cluster.nodes) == 2


async def test_what_an_owner_says_against_a_picture_is_believed(tmp_path: Path) -> None:
    async with region(tmp_path) as cluster:
        record = everywhere(cluster, saved("JPEG")[:3000], picture=Picture(600, 400))
        target = target_of(record, "w_50")
        owner, others = owner_and_others(cluster, record, target)
        for node in (*others, owner):
            assert (await cluster.get(node, target)).status == 422
        assert renders(*cluster.nodes, result="refused") == renders(owner, result="refused") == 1


async def test_only_our_own_daemons_ask_and_only_for_what_is_resolved(tmp_path: Path) -> None:
    async with region(tmp_path) as cluster:
        record = everywhere(cluster)
        node, caller = cluster.nodes[0], cluster.nodes[1].client
        wanted = wanted_of(record, target_of(record, "f_jpg,w_50"))
        path = internal_path(Question(wanted, patient=False))
        assert (await cluster.get(node, path)).status == 401
        this = cluster.map.current.nodes[node.name]
        async with caller.open(this, "GET", path) as response:
            assert response.status == 200
            assert FACTS in response.headers
        for wrong in (
            path.replace("form=jpg", "form=bmp"),
            path.replace("?form=jpg", ""),
            path.replace("f_jpg,w_50", "f_auto,w_50"),
            path.replace("f_jpg,w_50", "t_thumb"),
            path.replace("f_jpg,w_50", "w_5000"),
            path.replace("f_jpg,w_50", "l_a/fl_layer_apply"),
            path.replace("/f_jpg,w_50", ""),
            path.replace("/s1/", "/s2/"),
            path + "&layer=s1/x.jpg",
        ):
            with pytest.raises(Exception) as refused:
                async with caller.open(this, "GET", wrong):
                    pass
            assert getattr(refused.value, "status", 500) in {400, 404}, wrong


async def test_a_source_that_rotted_is_replaced_from_a_peer_before_it_is_rendered(tmp_path: Path) -> None:
    async with stage(tmp_path, ("s1", "s1")) as cluster:
        record = everywhere(cluster)
        node, other = cluster.nodes
        right = await cluster.get(other, target_of(record, "w_50"))
        flip(node.file(record), 1500)
        answer = await cluster.get(node, target_of(record, "w_50"))
        assert (answer.status, answer.body) == (200, right.body)
        assert node.side.counts.quarantined == 1
        await until(lambda: node.holds(record))


async def test_a_source_that_is_elsewhere_is_pulled_through_first(tmp_path: Path) -> None:
    async with stage(tmp_path, ("s1", "s1", "s2")) as cluster:
        record = hold(cluster.nodes[0])
        near, far = cluster.nodes[1], cluster.nodes[2]
        for node in (near, far):
            answer = await cluster.get(node, target_of(record, "w_50"))
            assert picture_of(answer).size == (50, 33)
        assert near.holds(record)
        assert len(kept(near)) == 1
        assert not far.holds(record)
        assert kept(far) == []  # its deletes are not announced there
        assert list((far.file(record).parents[4] / "incoming").iterdir()) == []
        assert origin_of(await cluster.get(far, target_of(record, "w_50"))) == "ram"
        assert (await cluster.get(near, path_of(record))).status == 200


async def test_a_layer_that_another_set_holds_is_found(tmp_path: Path) -> None:
    async with stage(tmp_path, ("s1", "s2")) as cluster:
        first, second = cluster.nodes
        record = hold(first)
        hold(
            second,
            saved("PNG", scene(20, 20).resize((300, 200)).point(lambda _: 240)),
            public_id="far",
            ext="png",
        )
        answer = await cluster.get(first, target_of(record, "l_far/fl_layer_apply"))
        assert picture_of(answer).convert("L").getpixel((150, 100)) > 200


async def test_a_delete_takes_derivatives_from_every_node(tmp_path: Path) -> None:
    async with region(tmp_path) as cluster:
        record = everywhere(cluster)
        target = target_of(record, "w_50")
        for node in cluster.nodes:
            assert (await cluster.get(node, target)).status == 200
        stone = Tombstone(record.asset_id, record.bucket, record.public_id, "s1", new_id(), now_ms())
        for node in cluster.nodes:
            await node.side.deletes.apply(stone)
        for node in cluster.nodes:
            await until(lambda node=node: not kept(node))
            assert (await cluster.get(node, target)).status == 404


async def test_a_node_that_heard_of_a_delete_asks_no_owner_that_has_not(tmp_path: Path) -> None:
    async with region(tmp_path) as cluster:
        record = everywhere(cluster)
        target = target_of(record, "w_50")
        owner, others = owner_and_others(cluster, record, target)
        assert (await cluster.get(owner, target)).status == 200
        stone = Tombstone(record.asset_id, record.bucket, record.public_id, "s1", new_id(), now_ms())
        for node in others:
            await node.side.deletes.apply(stone)
            assert (await cluster.get(node, target)).status == 404


async def test_an_eager_derivative_is_there_when_it_is_asked_for(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node)
        handle = parse_node_path(target_of(record, "w_1")).handle
        for text in ("c_fit,f_auto,w_80", "t_thumb", "w_33"):
            await node.side.derived.prepare(record.bucket, text, handle)
        assert renders(node) == 5
        for target in ("w_33", "t_thumb", "t_auto", "c_fit,f_auto,w_80"):
            assert origin_of(await cluster.get(node, target_of(record, target))) in {"disk", "ram"}
        assert renders(node) == 5
