"""docs/images.md says the limits, widths and densities that the code has."""

from __future__ import annotations

import dataclasses
import re

from import_graph import ROOT

from atoll.bucket import RenderPolicy
from atoll.transformation.negotiation import DENSITIES, HEADERS, WIDTHS
from storage_node.settings import NodeSettings

PAGE = (ROOT / "docs" / "images.md").read_text(encoding="utf-8")
SETTINGS = {field.name: field.default for field in dataclasses.fields(NodeSettings)}


def test_the_widths_and_densities_are_those_of_the_code() -> None:
    assert ", ".join(str(width) for width in WIDTHS) in PAGE
    assert ", ".join(f"{density:g}" for density in DENSITIES) in PAGE
    for names in HEADERS.values():
        assert ", ".join(f"`{name}`" for name in names) in PAGE


def test_every_limit_has_its_default() -> None:
    rows = re.findall(r"^\| .*? \| (.*?) \| (`[a-z_`, ]+`) \| .*\|$", PAGE, re.MULTILINE)
    assert len(rows) > 10
    for default, names in rows:
        numbers = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", default)]
        expected = [SETTINGS[name.strip("` ")] for name in names.split(",")]
        if "all that" in default:
            continue
        unit = 2**30 if "GiB" in default else 2**20 if "MiB" in default else 1
        assert [number * unit for number in numbers] == expected, names


def test_every_limit_of_a_bucket_is_there() -> None:
    assert set(re.findall(r"`rendering\.([a-z_]+)`", PAGE)) == set(RenderPolicy.__struct_fields__)


def test_every_setting_that_is_named_exists() -> None:
    for name in ("derived_max_age_seconds", "avif_inline_pixels", "owner_seconds", "renderers"):
        assert f"`{name}`" in PAGE
        assert name in SETTINGS
    assert f"({SETTINGS['avif_inline_pixels']:,})" in PAGE
