"""Fonts as a node has them: what its URLs answer, and what it says of its setting at start."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from derivative_stage import hold, picture_of, stage, target_of

from atoll.settings import SettingsError
from storage_node.openings import open_fonts
from storage_node.settings import NodeSettings
from storage_node.text_fonts import OPEN_SANS, package_families

TEXT = "Gr%C3%BC%C3%9Fe"


def settings(folder: Path, fonts: Path | None) -> NodeSettings:
    return NodeSettings(
        name="node-1",
        region="r1",
        set="s1",
        listen_port=1,
        public_url="http://127.0.0.1:1",
        cluster_secret_file=folder / "secret",
        state_dir=folder,
        nats_url="nats://127.0.0.1:1",
        data_dir=folder,
        text_fonts=fonts,
    )


async def test_a_url_with_a_font_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    async with stage(tmp_path) as cluster:
        (node,) = cluster.nodes
        record = hold(node)
        drawn = await cluster.get(node, target_of(record, f"l_text:open%20sans_40:{TEXT}/fl_layer_apply"))
        assert drawn.status == 200
        assert picture_of(drawn).size
        missing = await cluster.get(node, target_of(record, f"l_text:comic_40:{TEXT}/fl_layer_apply"))
        assert missing.status == 422
        said = json.loads(missing.body)
        assert (said["reason"], said["font"], said["fonts"]) == ("font_missing", "comic", [OPEN_SANS])


async def test_a_node_knows_its_own_families_beside_the_one_that_comes_along(tmp_path: Path) -> None:
    folder = tmp_path / "fonts"
    folder.mkdir()
    upright = package_families()[OPEN_SANS].regular
    assert upright is not None
    shutil.copy(upright.path, folder / "Arial.ttf")
    fonts = await open_fonts(settings(tmp_path, folder))
    assert fonts.families == ["arial", OPEN_SANS]


async def test_a_folder_of_fonts_that_is_not_there_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="text_fonts"):
        await open_fonts(settings(tmp_path, tmp_path / "nowhere"))
