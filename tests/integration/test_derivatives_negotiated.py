"""The contract of negotiation: which client gets what, and `Vary` on every answer there can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from derivative_stage import (
    CHROME,
    OLD_CHROME,
    OPEN,
    allow,
    eventually,
    hold,
    max_age,
    origin_of,
    picture_of,
    renders,
    signed,
    stage,
    target_of,
)
from picture_maker import animation, cut_out, saved, scene
from read_cluster import PUBLIC
from yarl import URL

from atoll.bucket import RenderPolicy
from atoll.model import Picture

pytestmark = pytest.mark.asyncio

SAFARI_13 = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"


async def test_each_client_gets_the_best_it_shows(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        opaque = hold(node)
        clear = hold(node, saved("PNG", cut_out(60, 40)), ext="png")
        moving = hold(node, animation("GIF"), ext="gif")
        contract = {
            CHROME: ("avif", "avif", "webp"),
            "image/avif;q=0.5,image/webp": ("webp", "webp", "webp"),
            "image/avif": ("avif", "avif", "gif"),
            OLD_CHROME: ("webp", "webp", "webp"),
            SAFARI_13: ("jpeg", "png", "gif"),
            "*/*": ("jpeg", "png", "gif"),
            "image/webp;q=0,image/avif;q=0": ("jpeg", "png", "gif"),
            "\t,;q=x,,": ("jpeg", "png", "gif"),
            "x" * 4000: ("jpeg", "png", "gif"),
        }
        for _ in range(2):  # made, and from memory
            for accept, kinds in contract.items():
                for record, kind in zip((opaque, clear, moving), kinds, strict=True):
                    answer = await cluster.get(node, target_of(record, "f_auto,w_30"), Accept=accept)
                    assert answer.headers["Content-Type"] == f"image/{kind}", (accept[:40], record.blob.ext)
                    assert answer.headers["Vary"] == "Accept"
                    assert picture_of(answer).format == kind.upper()
        assert renders(node) == 8  # three formats twice, and two that move
        none = await cluster.get(node, target_of(opaque, "f_auto,w_30"))
        assert none.headers["Content-Type"] == "image/jpeg"


async def test_several_lines_of_accept_are_one(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        url = node.url + target_of(hold(node), "f_auto,w_30")
        for _ in range(2):
            headers = [("Accept", "image/png"), ("Accept", "image/webp")]
            async with cluster.session.get(url, headers=headers) as answer:
                assert answer.headers["Content-Type"] == "image/webp"


async def test_width_and_density_come_from_hints_and_are_few(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node, saved("JPEG", scene(1200, 800)))
        wide = target_of(record, "c_limit,w_auto")
        for headers, width in (
            ({}, 1200),
            ({"Sec_CH_Width": "150"}, 200),
            ({"Sec_CH_Width": "199"}, 200),
            ({"Width": "300"}, 320),
            ({"Sec_CH_Width": "-1", "Width": "300"}, 320),
            ({"Sec_CH_Width": "1e9"}, 1200),
            ({"Sec_CH_DPR": "2", "Sec_CH_Width": "199"}, 200),
        ):
            for _ in range(2):
                answer = await cluster.get(node, wide, **headers)
                assert picture_of(answer).width == width, headers
                assert answer.headers["Vary"] == "Sec-CH-Width, Width"
                assert answer.headers["Accept-CH"] == "Sec-CH-Width, Width"
        dense = target_of(record, "c_limit,dpr_auto,w_100")
        for ratio, width in (("1", 100), ("1.3", 150), ("2", 200), ("9", 300), ("zero", 100)):
            answer = await cluster.get(node, dense, Sec_CH_DPR=ratio)
            assert picture_of(answer).width == width
            assert answer.headers["Vary"] == "Sec-CH-DPR, DPR"
        both = target_of(record, "c_limit,dpr_auto,w_auto")
        answer = await cluster.get(node, both, Sec_CH_DPR="2", Sec_CH_Width="640")
        assert picture_of(answer).width == 640
        assert answer.headers["Vary"] == "Sec-CH-Width, Width, Sec-CH-DPR, DPR"


async def test_every_answer_of_a_negotiated_url_says_what_it_depends_on(tmp_path: Path) -> None:
    async with stage(tmp_path, render_queue=1) as cluster:
        allow(cluster, rendering=RenderPolicy(sources=("jpg", "png")))
        (node,) = cluster.nodes
        record = hold(node)
        hold(node, saved("JPEG", scene(80, 80)), public_id="fallback")
        absent = "0" * 64
        broken = hold(node, saved("JPEG")[:3000], picture=Picture(600, 400))
        public = hold(node, bucket=PUBLIC)
        good = target_of(record, "dpr_auto,f_auto,w_30")
        tag = (await cluster.get(node, good)).headers["ETag"]
        cases: list[tuple[str, int, dict[str, str]]] = [
            (good, 200, {}),
            (good, 206, {"Range": "bytes=0-3"}),
            (good, 304, {"If_None_Match": tag}),
            (good, 412, {"If_Match": '"other"'}),
            (good, 416, {"Range": "bytes=99999999-"}),
            (target_of(record, "w_30,f_auto,dpr_auto"), 301, {}),
            (good.replace(record.blob.sha256, absent), 404, {}),
            (good.replace("/s1/", "/s9/"), 404, {}),
            (
                target_of(record, "d_fallback,dpr_auto,f_auto,w_30").replace(record.blob.sha256, absent),
                200,
                {},
            ),
            (target_of(broken, "dpr_auto,f_auto,w_30"), 422, {}),
            (target_of(record, "dpr_auto,w_30/l_no_such_image/f_auto,fl_layer_apply"), 422, {}),
            (target_of(public, "dpr_auto,f_auto,w_30"), 401, {}),
        ]
        for method in ("GET", "HEAD"):
            for target, status, headers in cases:
                if method == "HEAD" and status in {206, 416}:
                    continue  # ranges are for GET
                answer = await _plainly(cluster, node, method, target, headers)
                assert answer.status == status, (target, answer.status)
                assert answer.headers.get("Vary") == "Accept, Sec-CH-DPR, DPR", (method, target, status)
        named = await _plainly(cluster, node, "GET", signed(target_of(public, "t_auto")), {"Accept": CHROME})
        assert (named.status, named.headers["Vary"]) == (200, "Accept")
        node.file(record).unlink()
        node.side.ram.clear()
        lost = await _plainly(cluster, node, "GET", target_of(record, "f_auto,w_31"), {})
        assert lost.status in {404, 502, 503}
        assert lost.headers["Vary"] == "Accept"


async def _plainly(cluster: Any, node: Any, method: str, target: str, headers: dict[str, str]) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = URL(node.url + target, encoded=True)
    async with cluster.session.request(method, url, headers=named, allow_redirects=False) as answer:
        await answer.read()
        return answer


async def test_a_large_avif_is_made_in_the_background_while_webp_is_served(tmp_path: Path) -> None:
    async with stage(tmp_path, avif_inline_pixels=1000) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node), "f_auto,w_200")
        first = await cluster.get(node, target, Accept=CHROME)
        assert first.headers["Content-Type"] == "image/webp"
        assert (max_age(first), first.headers["Vary"]) == (10, "Accept")
        assert "immutable" not in first.headers["Cache-Control"]

        async def made() -> bool:
            answer = await cluster.get(node, target, Accept=CHROME)
            return bool(answer.headers["Content-Type"] == "image/avif")

        await eventually(made)
        final = await cluster.get(node, target, Accept=CHROME)
        assert (origin_of(final), max_age(final)) == ("ram", 31_536_000)
        old = await cluster.get(node, target, Accept=OLD_CHROME)
        assert (old.headers["Content-Type"], max_age(old)) == ("image/webp", 31_536_000)
        assert renders(node) == 2
        small = await cluster.get(node, target_of(hold(node), "f_auto,w_30"), Accept=CHROME)
        assert small.headers["Content-Type"] == "image/avif"


async def test_an_avif_that_finds_no_place_in_the_queue_is_asked_for_again(tmp_path: Path) -> None:
    async with stage(tmp_path, avif_inline_pixels=0, avif_queue=0) as cluster:
        (node,) = cluster.nodes
        target = target_of(hold(node), "f_auto,w_200")
        for _ in range(3):
            answer = await cluster.get(node, target, Accept=CHROME)
            assert answer.headers["Content-Type"] == "image/webp"
        assert node.side.derived.counts.background_dropped == 3
        explicit = await cluster.get(node, target_of(hold(node), "f_avif,w_200"))
        assert explicit.headers["Content-Type"] == "image/avif"
        assert OPEN in target
