"""docs/api.md says the limits that the code has."""

from __future__ import annotations

import dataclasses
import re

from import_graph import ROOT

from query_service.query_input import MAX_QUERY_CHARS
from query_service.settings import QuerySettings

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
DEFAULTS = {field.name: field.default for field in dataclasses.fields(QuerySettings)}


def test_every_limit_has_its_default() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (.*?) \|", PAGE, re.MULTILINE)
    assert len(rows) == 8
    for names, told in rows:
        unit = 2**20 if "MiB" in told else 1
        numbers = [int(number.replace(",", "")) * unit for number in re.findall(r"\d[\d,]*", told)]
        assert numbers == [DEFAULTS[name.strip("` ")] for name in names.split(",")], names
    assert f"{MAX_QUERY_CHARS} characters" in PAGE
