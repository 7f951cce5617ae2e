"""A real cluster, drawn: the page of a sound one has everything in it, that of a broken one says so."""

from __future__ import annotations

import asyncio
import json

import pytest
from picture_maker import saved, scene
from PIL import Image

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS
from probe.command import said as atoll

pytestmark = pytest.mark.probe

PACE = {
    "storage_node": {"faces": "off", "inspectors": 1},  # nodes that start faster
    "monitor": {
        "evaluate_seconds": 0.2,
        "engine_seconds": 0.5,
        "forecast_sample_seconds": 0.2,
        "canary_seconds": 1.0,
        "canary_patience_seconds": 5.0,
    },
}


async def facts_when(cluster, condition):
    async with asyncio.timeout(60):
        while not condition(found := json.loads((await atoll(cluster, "report", "--json"))[1])):  # noqa: ASYNC110 - a command is asked
            await asyncio.sleep(0.2)
    return found


def whole(facts):
    known = all(len(curve["points"]) >= 8 for curve in facts["curves"])
    flown = len(facts["paths"]) == len(REGIONS) ** 2 and all(path["ok"] for path in facts["paths"])
    return known and flown and facts["curves"] and facts["forecasts"] and not facts["unasked"]


async def test_a_sound_cluster_is_drawn_whole_and_a_broken_one_says_what_it_lacks(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        (pictures / f"{number}.png").write_bytes(saved("PNG", scene(shift=number * 40)))
    async with LocalCluster(tmp_path / "c", extra=PACE, known_ports=False, canaries=True) as cluster:
        assert (await atoll(cluster, "upload", str(pictures), "--bucket", "images"))[0] == 0
        facts = await facts_when(cluster, whole)
        assert {region["name"] for region in facts["regions"]} == {region.name for region in REGIONS}
        assert list(facts["usage"]) == ["images"]
        assert facts["usage"]["images"]["assets"] == 3
        assert facts["cost"]["month"] > 0
        assert {figure["figure"] for figure in facts["figures"]} >= {"atoll_node_up", "atoll_canary_ok"}
        assert len(facts["flights"]) == len(REGIONS) ** 2

        page, plots = tmp_path / "report.html", tmp_path / "plots"
        code, out, err = await atoll(cluster, "report", "--out", str(page), "--plots", str(plots))
        assert (code, out, err) == (0, f"{page}\n", "")
        text = page.read_text()
        for region in REGIONS:
            assert region.name in text
        names = {
            "map",
            "lag",
            "availability",
            *(f"capacity-{name}" for name in cluster.names("storage_node")),
        }
        assert {path.stem for path in plots.iterdir()} == names
        for name in names:
            with Image.open(plots / f"{name}.png") as picture:
                assert picture.width >= 600

        code, out, _ = await atoll(cluster, "status")
        assert "Canaries" in out or "FROM\t" in out
        assert "100 %, " in out

        await cluster.daemons["monitor"].stop()
        code, _, err = await atoll(cluster, "report", "--out", str(page))
        assert code == 1
        assert "! alerts: " in err
        assert "Nobody could say." in page.read_text()
