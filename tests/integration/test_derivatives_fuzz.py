"""Whatever stands in a derivative's URL: an answer below 500, and nothing left on the disk."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from derivative_stage import OPEN, hold, stage, target_of
from hypothesis import given, seed, settings
from picture_maker import saved, scene
from read_cluster import ReadNode
from test_delivery import raw_request
from transformation_texts import near, text_of, transformations

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(300)]

TRICKS = (
    "%", "%2", "%zz", "%00", "%2e%2e", "..", ".", "%2f", "%252f", "%5c", "%c0%ae", "%ff", "%E2%80%AE",
    "w_1%00", "w_1%0d%0aSet-Cookie:x", "w_%31", "%77%5f1", "w_1%2Ch_1", "w_1%252Ch_1", "l_text:sans_10:%25",
    "w_1;h_1",
    "l_text:sans_10:%252F%252e%252e/fl_layer_apply", "d_..%252f", "l_%252e%252e:a/fl_layer_apply", "t_../w_1",
    "fl_attachment:%22%0d%0a", "fl_attachment:%2522%250d%250a", "w_1//h_1", "/w_1", "w_1/", "a/" * 300,
    "w_" * 2000, "l_text:sans_40:" + "%E2%80%AEx" * 20 + "/fl_layer_apply",
    "l_text:sans_40:" + "a" * 5000 + "/fl_layer_apply",
    "l_text:sans_40:<b>%2526lt;</b>/fl_layer_apply", "l_text:sans_40:%F0%9F%98%80/fl_layer_apply",
)  # fmt: skip


def _texts(count: int) -> list[str]:
    found: list[str] = []

    @seed(7)
    @settings(max_examples=count, database=None)
    @given(transformations.map(text_of), near)
    def gather(valid: str, nearly: str) -> None:
        found.extend((valid, nearly))

    gather()
    return found


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def _answered(node: ReadNode, target: str, tally: dict[int, int]) -> None:
    answer = await raw_request(node, f"GET {target} HTTP/1.1")
    status = _status(answer)
    assert status in {200, 301, 400, 404, 422, 431}, (target, answer[:500])
    head = answer.partition(b"\r\n\r\n")[0]
    assert b"Set-Cookie" not in head
    tally[status] = tally.get(status, 0) + 1
    if status == 301:
        location = next(line for line in head.decode().split("\r\n") if line.startswith("Location: "))
        again = await raw_request(node, f"GET {location.removeprefix('Location: ')} HTTP/1.1")
        assert _status(again) in {200, 400, 404, 422}, (target, again[:500])  # never on and on
        tally[_status(again)] = tally.get(_status(again), 0) + 1


async def test_no_text_breaks_a_node(tmp_path: Path) -> None:
    async with stage(tmp_path, max_side=400) as cluster:
        (node,) = cluster.nodes
        record = hold(node, saved("JPEG", scene(90, 60)))
        hold(node, saved("PNG", scene(30, 20)), public_id="a", bucket=OPEN, ext="png")
        tally: dict[int, int] = {}
        for text in _texts(60):
            quoted = "/".join(quote(part.encode(errors="replace"), safe=",_:.") for part in text.split("/"))
            await _answered(node, target_of(record, quoted), tally)
        for trick in TRICKS:
            await _answered(node, target_of(record, trick), tally)
        assert tally[200] > 5
        assert tally[400] > 20
        assert list((node.file(record).parents[4] / "incoming").iterdir()) == []
