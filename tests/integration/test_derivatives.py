"""Derivatives from one node: made once, kept, answered as any file, and gone with their blob."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from derivative_stage import (
    OPEN,
    allow,
    eventually,
    hold,
    kept,
    max_age,
    origin_of,
    picture_of,
    renders,
    signed,
    stage,
    target_of,
)
from picture_maker import animation, cut_out, saved, scene
from read_cluster import PRIVATE, PUBLIC, Answer, ReadCluster, flip, until
from yarl import URL

from atoll.bucket import Bucket, RenderPolicy
from atoll.errors import Unavailable
from atoll.ids import new_id, now_ms
from atoll.model import Face, Picture, Tombstone

pytestmark = pytest.mark.asyncio


def problem(answer: Answer) -> Any:
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer
    return json.loads(answer.body)


async def test_a_derivative_is_made_once_then_comes_from_memory_and_from_disk(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node), "c_fit,h_100,w_90")
        first = await cluster.get(node, target)
        assert picture_of(first).size == (90, 60)
        assert first.headers["Content-Type"] == "image/jpeg"
        again = await cluster.get(node, target)
        node.side.ram.clear()
        later = await cluster.get(node, target)
        assert [origin_of(answer) for answer in (first, again, later)] == ["rendered", "ram", "disk"]
        assert first.body == again.body == later.body
        assert len({answer.headers["ETag"] for answer in (first, again, later)}) == 1
        assert renders(node) == 1
        assert len(kept(node)) == 1


async def test_answers_have_all_that_files_have(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node), "w_120")
        whole = await cluster.get(node, target)
        tag = whole.headers["ETag"]
        assert len(tag) == 34
        for clear in (False, True):
            if clear:
                node.side.ram.clear()
            part = await cluster.get(node, target, Range="bytes=10-19")
            assert (part.status, part.body) == (206, whole.body[10:20])
            assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.body)}"
            same = await cluster.get(node, target, If_None_Match=tag)
            assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
            head = await cluster.get(node, target, "HEAD")
            assert (head.status, head.headers["Content-Length"]) == (200, str(len(whole.body)))
            other = await cluster.get(node, target, If_Match='"x"')
            assert (other.status, other.headers["Cache-Control"]) == (412, "no-store")
            outside = await cluster.get(node, target, Range="bytes=999999-")
            assert (outside.status, outside.headers["Content-Range"]) == (416, f"bytes */{len(whole.body)}")
        assert (await cluster.get(node, target, "POST")).status == 405
        assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert whole.headers["X-Content-Type-Options"] == "nosniff"
        assert "Vary" not in whole.headers
        assert renders(node) == 1


@pytest.mark.parametrize("spelling", ["w_90,h_60,c_fit", "c_fit,h_60,w_90,q_80/f_jpg", "w_090", "%77_90"])
async def test_another_spelling_moves_to_the_one_url(tmp_path: Path, spelling: str) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node)
        target = target_of(record, spelling)
        url = URL(f"{node.url}{target}?a=b", encoded=True)
        async with cluster.session.get(url, allow_redirects=False) as moved:
            location = moved.headers.get("Location", "")
            assert moved.status == 301
            assert location.endswith("?a=b")
            assert location.startswith(f"/{OPEN}/")
            assert moved.headers["Cache-Control"] == "public, max-age=86400"
        again = await cluster.get(node, location)
        assert again.status == 200


async def test_an_arbitrary_transformation_needs_a_signature_and_a_name_does_not(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        public, private = hold(node, bucket=PUBLIC), hold(node, bucket=PRIVATE)
        for target, status in (
            (target_of(public, "w_50"), 401),
            (target_of(public, "t_thumb/w_50"), 401),
            (target_of(public, "t_thumb/t_thumb"), 401),
            (target_of(public, "w_00050"), 401),  # who may not ask is not told the way either
            (target_of(public, "t_thumb"), 200),
            (signed(target_of(public, "w_50")), 200),
            (target_of(private, "t_thumb"), 401),
            (signed(target_of(private, "t_thumb")), 200),
            (signed(target_of(private, "w_50")), 200),
        ):
            answer = await cluster.get(node, target)
            assert answer.status == status, target
            if status == 401:
                assert "signature" in problem(answer)["detail"]
                assert answer.headers["Cache-Control"] == "no-store"


async def test_a_signature_opens_one_thing_until_its_expiry_also_from_memory(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node, bucket=PUBLIC)
        target = signed(target_of(record, "w_50"), 900)
        for expected in ("rendered", "ram", "ram"):
            answer = await cluster.get(node, target)
            assert origin_of(answer) == expected
            assert answer.headers["Cache-Control"].startswith("public, max-age=")
            assert "immutable" not in answer.headers["Cache-Control"]
            assert 800 < max_age(answer) <= 900
        assert len(node.side.derived.targets) == 1
        for wrong in (
            target.replace("w_50", "w_51"),
            target[:-1] + ("A" if target[-1] != "A" else "B"),
            target.replace("exp=", "exp=1"),
            target.partition("&key=")[0],
            target.partition("?")[0],
            signed(target_of(record, "w_50"), -1),
            target.replace("&key=", "&key=x"),
        ):
            assert (await cluster.get(node, wrong)).status == 401, wrong


async def test_a_private_picture_is_kept_by_its_reader_alone(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        target = signed(target_of(hold(node, bucket=PRIVATE), "w_50"), 900)
        for _ in range(3):
            answer = await cluster.get(node, target)
            assert answer.headers["Cache-Control"].startswith("private, max-age=")
            assert "Access-Control-Allow-Origin" not in answer.headers
        cluster.change(Bucket(PRIVATE, visibility="private", transformations={}))
        assert (await cluster.get(node, target.partition("?")[0])).status == 401


async def test_a_private_bucket_is_private_whatever_else_it_allows(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node)
        target = target_of(record, "w_50")
        for _ in range(2):
            assert (await cluster.get(node, target)).status == 200
        cluster.change(Bucket(OPEN, visibility="private", unsigned_transformations=True))
        assert (await cluster.get(node, target)).status == 401
        assert (await cluster.get(node, signed(target))).status == 200


async def test_a_policy_that_changes_holds_at_once_though_the_answer_is_in_memory(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node), "w_50")
        for _ in range(2):
            assert (await cluster.get(node, target)).status == 200
        cluster.change(Bucket(OPEN))
        assert (await cluster.get(node, target)).status == 401


async def test_a_name_means_what_the_bucket_says_now(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node, bucket=PUBLIC), "t_thumb")
        for _ in range(2):
            answer = await cluster.get(node, target)
            assert picture_of(answer).size == (60, 60)
            assert answer.headers["Cache-Control"] == "public, max-age=3600"
        allow(cluster, transformations={"thumb": "c_fill,h_30,w_40"})
        assert picture_of(await cluster.get(node, target)).size == (40, 30)
        unknown = await cluster.get(node, target.replace("t_thumb", "t_thump"))
        assert unknown.status == 400
        assert problem(unknown)["nearest"] == "t_thumb"
        assert unknown.headers["Cache-Control"] == "public, max-age=60"


async def test_a_layer_is_what_its_name_means_now(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node)
        red, blue = (
            saved("PNG", scene(20, 20).resize((300, 200)).point(lambda _, v=v: v)) for v in (10, 240)
        )
        hold(node, red, public_id="marks/logo", ext="png")
        target = target_of(record, "l_marks:logo/fl_layer_apply")
        dark = await cluster.get(node, target)
        assert max_age(dark) == 3600
        assert picture_of(dark).convert("L").getpixel((150, 100)) < 40
        newer = hold(node, blue, public_id="marks/logo", ext="png")

        async def bright() -> bool:
            answer = await cluster.get(node, target)
            return bool(picture_of(answer).convert("L").getpixel((150, 100)) > 200)

        await eventually(bright)
        node.side.ram.clear()
        assert await bright()
        stone = Tombstone(newer.asset_id, OPEN, newer.public_id, "s1", new_id(), now_ms())
        await node.side.deletes.apply(stone)

        async def gone() -> bool:
            return (await cluster.get(node, target)).status == 422

        await eventually(gone)
        missing = problem(await cluster.get(node, target))
        assert (missing["reason"], missing["layer"]) == ("layer_missing", "marks/logo")


async def test_a_missing_image_is_replaced_by_its_fallback_for_a_short_while(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node)
        absent = target_of(record, "d_none:here,w_40").replace(record.blob.sha256, "0" * 64)
        assert (await cluster.get(node, absent)).status == 404
        hold(node, saved("JPEG", scene(80, 80)), public_id="none/here")

        async def there() -> bool:
            return (await cluster.get(node, absent)).status == 200

        await eventually(there)
        answer = await cluster.get(node, absent)
        assert picture_of(answer).size == (40, 40)
        assert max_age(answer) <= 60
        present = await cluster.get(node, target_of(record, "d_none:here,w_40"))
        assert picture_of(present).size == (40, 27)
        assert max_age(present) == 3600


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("fl_attachment:my%2520cat", "my cat.jpg"),
        ("fl_attachment", "given.jpg"),
        ("fl_attachment:%25C3%25A9", "é.jpg"),
    ],
)
async def test_an_attachment_has_a_name(tmp_path: Path, flag: str, name: str) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node, public_id="some/given")
        for _ in range(2):
            answer = await cluster.get(node, target_of(record, f"{flag},w_40"))
            disposition = answer.headers["Content-Disposition"]
            assert disposition.startswith('attachment; filename="')
            assert disposition.endswith(f"filename*=UTF-8''{quote(name)}")
        plain = await cluster.get(node, target_of(record, "w_40"))
        assert "Content-Disposition" not in plain.headers
        assert renders(node) == 1  # the name changes no byte


async def test_a_picture_without_known_faces_says_what_was_done_instead(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        known = Picture(300, 200, faces=(Face(0.1, 0.1, 0.2, 0.2),))
        with_faces = hold(node, saved("JPEG", scene(300, 200, 2)), picture=known)
        for record, focus in ((hold(node), "attention"), (with_faces, None)):
            for _ in range(2):
                answer = await cluster.get(node, target_of(record, "c_thumb,g_face,h_50,w_50"))
                assert picture_of(answer).size == (50, 50)
                assert answer.headers.get("X-Atoll-Focus") == focus


@pytest.mark.parametrize(
    ("ext", "source", "transformation", "content_type"),
    [
        ("jpg", None, "w_40", "jpeg"),
        ("png", saved("PNG", scene(60, 40)), "w_40", "png"),
        ("webp", saved("WEBP", scene(60, 40)), "w_40", "webp"),
        ("gif", saved("GIF", scene(60, 40)), "w_40", "gif"),
        ("avif", saved("AVIF", scene(60, 40)), "w_40", "avif"),
        ("tiff", saved("TIFF", scene(60, 40)), "w_40", "jpeg"),
        ("tiff", saved("TIFF", cut_out(60, 40)), "w_40", "png"),
        ("png", saved("PNG", scene(60, 40)), "f_webp,w_40", "webp"),
        ("png", saved("PNG", scene(60, 40)), "f_auto,w_40", "jpeg"),
        ("png", saved("PNG", cut_out(60, 40)), "f_auto,w_40", "png"),
        ("jpg", None, "f_auto,r_max", "png"),
        ("gif", animation("GIF"), "f_auto,w_40", "gif"),
        ("gif", animation("GIF"), "f_auto,pg_2,w_40", "jpeg"),
    ],
)
async def test_the_format_is_what_was_asked_or_what_fits(
    tmp_path: Path, ext: str, source: bytes | None, transformation: str, content_type: str
) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node, source, ext=ext), transformation)
        for clear in (False, False, True):
            if clear:
                node.side.ram.clear()
            answer = await cluster.get(node, target)
            assert answer.headers["Content-Type"] == f"image/{content_type}"
            assert picture_of(answer).get_format_mimetype() == f"image/{content_type}"
        assert renders(node) == 1


async def test_each_limit_of_a_bucket_is_kept(tmp_path: Path) -> None:
    policy = RenderPolicy(max_side=100, max_components=2, max_layers=0, sources=("jpg",))
    async with stage(tmp_path) as cluster:
        allow(cluster, rendering=policy)
        (node,) = cluster.nodes
        jpeg = hold(node)
        png = hold(node, saved("PNG", scene(60, 40)), ext="png")
        for record, transformation, status, fact in (
            (jpeg, "w_100", 200, None),
            (jpeg, "w_101", 400, ("parameter", "w")),
            (jpeg, "e_sepia/e_sepia/w_10", 400, ("limit", 2)),
            (jpeg, "l_text:sans_10:a,fl_layer_apply", 400, None),
            (png, "w_10", 422, ("reason", "source_not_allowed")),
        ):
            answer = await cluster.get(node, target_of(record, transformation))
            assert answer.status == status, (transformation, answer.body)
            if fact:
                assert problem(answer)[fact[0]] == fact[1]
                assert max_age(answer) == 60
        allow(cluster, rendering=RenderPolicy(max_pixels=59_999))
        refused = await cluster.get(node, target_of(jpeg, "w_99"))
        assert (refused.status, problem(refused)["max_pixels"]) == (422, 59_999)


@pytest.mark.parametrize("own", [{}, {"max_frame_pixels": 1000, "max_art_pixels": 1000}])
async def test_frames_of_a_result_and_pixels_of_a_filter_are_limited_by_bucket_and_node(
    tmp_path: Path, own: dict[str, int]
) -> None:
    """The narrower of the two holds, so that a bucket that allows more changes nothing."""
    most = 10**6 if own else 1000
    async with stage(tmp_path, **own) as cluster:
        allow(cluster, rendering=RenderPolicy(max_frame_pixels=most, max_art_pixels=most))
        (node,) = cluster.nodes
        moving, still = hold(node, animation("GIF"), ext="gif"), hold(node)
        for record, transformation, limit in (
            (moving, "c_scale,h_30,w_40", "max_frame_pixels_sum"),
            (still, "c_fill,h_40,w_40/e_art:clarendon", "max_art_pixels"),
        ):
            refused = await cluster.get(node, target_of(record, transformation))
            assert (refused.status, problem(refused)[limit]) == (422, 1000)
        for record, transformation in (
            (moving, "c_scale,h_2,w_2"),
            (still, "c_fill,h_30,w_30/e_art:clarendon"),
        ):
            assert (await cluster.get(node, target_of(record, transformation))).status == 200


async def test_a_bucket_cannot_allow_more_than_the_node_does(tmp_path: Path) -> None:
    async with stage(tmp_path, max_side=120, max_components=1, max_layers=0) as cluster:
        allow(cluster, rendering=RenderPolicy(max_side=4000, max_components=8, max_layers=3))
        (node,) = cluster.nodes
        record = hold(node)
        assert (await cluster.get(node, target_of(record, "w_121"))).status == 400
        assert (await cluster.get(node, target_of(record, "w_10/e_sepia"))).status == 400
        assert (await cluster.get(node, target_of(record, "w_120"))).status == 200


async def test_what_cannot_be_decoded_is_refused_and_not_tried_again_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node, saved("JPEG")[:3000], picture=Picture(600, 400))
        for _ in range(3):
            answer = await cluster.get(node, target_of(record, "w_40"))
            assert answer.status == 422
            assert problem(answer)["reason"] == "truncated"
            assert max_age(answer) == 60
        assert renders(node, result="refused") == 1


async def test_a_machine_too_busy_to_render_is_503_and_the_image_is_not_blamed(tmp_path: Path) -> None:
    async with stage(tmp_path, renderers=1, render_seconds=3.0) as cluster:
        (node,) = cluster.nodes
        record = hold(node)
        assert (await cluster.get(node, target_of(record, "w_30"))).status == 200  # the worker is up
        (pid,) = node.side.derived.rendering.pids
        os.kill(pid, signal.SIGSTOP)
        busy = await cluster.get(node, target_of(record, "w_40"))
        assert (busy.status, problem(busy)["reason"]) == (503, "render_starved")
        assert (busy.headers["Retry-After"], busy.headers["Cache-Control"]) == ("5", "no-store")
        assert (await cluster.get(node, target_of(record, "w_40"))).status == 200


async def test_when_all_workers_are_busy_and_the_queue_is_full_it_is_429(tmp_path: Path) -> None:
    async with stage(tmp_path, render_queue=1) as cluster:
        (node,) = cluster.nodes
        record = hold(node, saved("JPEG", scene(2000, 1500)))
        assert (await cluster.get(node, target_of(record, "w_9"))).status == 200  # the worker is up
        targets = [target_of(record, f"e_blur:900,w_{width}") for width in range(300, 308)]
        answers = await asyncio.gather(*(cluster.get(node, target) for target in targets))
        refused = [answer for answer in answers if answer.status == 429]
        assert 5 <= len(refused) <= 7
        for answer in refused:
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.headers["Cache-Control"] == "no-store"
            assert problem(answer)["type"].endswith("too-many-requests")
        assert all(answer.status in {200, 429} for answer in answers)
        assert (await cluster.get(node, targets[answers.index(refused[0])])).status == 200


async def test_a_bit_that_flips_on_the_disk_is_never_served(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node), "w_70")
        right = await cluster.get(node, target)
        (path,) = kept(node)
        for offset in (0, len(right.body) // 2, len(right.body) - 1):
            node.side.ram.clear()
            flip(path, offset)
            again = await cluster.get(node, target)
            assert (origin_of(again), again.body) == ("rendered", right.body)
        path.unlink()
        node.side.ram.clear()
        assert origin_of(await cluster.get(node, target)) == "rendered"


async def test_workers_that_do_not_start_are_our_fault_and_tried_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        target, rendering = target_of(hold(node), "w_70"), node.side.derived.rendering
        build = rendering._build

        def broken() -> Any:
            raise Unavailable("The rendering workers did not start.", retry_after=1)

        rendering._build = broken
        for _ in range(2):
            answer = await cluster.get(node, target)
            assert (answer.status, answer.headers["Cache-Control"]) == (503, "no-store")
        rendering._build = build
        assert (await cluster.get(node, target)).status == 200
        assert renders(node, result="failed") == 2


async def test_with_no_room_for_derivatives_they_are_served_all_the_same(tmp_path: Path) -> None:
    async with stage(tmp_path, derivative_bytes=0, ram_cache_bytes=0, ram_targets_bytes=0) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node), "w_70")
        for _ in range(2):
            assert origin_of(await cluster.get(node, target)) == "rendered"
        assert kept(node) == []


async def _deleted(cluster: ReadCluster, record: Any) -> None:
    stone = Tombstone(record.asset_id, record.bucket, record.public_id, "s1", new_id(), now_ms())
    for node in cluster.nodes:
        await node.side.deletes.apply(stone)


async def test_derivatives_are_gone_with_their_image(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node)
        targets = [target_of(record, text) for text in ("w_70", "f_auto,w_60", "t_thumb")]
        for target in targets * 2:
            assert (await cluster.get(node, target)).status == 200
        await _deleted(cluster, record)
        await until(lambda: not kept(node))
        for target in targets:
            assert (await cluster.get(node, target)).status == 404
        assert len(node.side.derived.targets) == 0


async def test_what_is_rendered_while_its_image_is_deleted_does_not_stay(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        assert (await cluster.get(node, target_of(hold(node), "w_10"))).status == 200  # the worker is up
        record = hold(node, saved("JPEG", scene(2400, 1800)))
        target = target_of(record, "e_blur:500,w_1800")
        asking = asyncio.create_task(cluster.get(node, target))
        await until(lambda: list((node.file(record).parents[4] / "incoming").iterdir()) or asking.done())
        await _deleted(cluster, record)
        assert (await asking).status in {200, 404}
        assert (await cluster.get(node, target)).status == 404
        assert not any(record.blob.sha256 in str(path) for path in kept(node))
        assert list((node.file(record).parents[4] / "incoming").iterdir()) == []
