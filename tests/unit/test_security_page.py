"""docs/security.md: every threat names what is tested, every test it names is there, what is open is said."""

from __future__ import annotations

import re

import pytest
from import_graph import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
(TABLE,) = re.findall(r"<!-- table: threats -->\n(.*?)<!-- end: threats -->", TEXT, re.DOTALL)
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLE.splitlines()[2:]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"\W+", "-", row[0])[:40])
def test_a_threat_says_what_stops_it_and_names_tests_that_are_there(row):
    _, stopped_by, tested_in, _ = row
    assert len(stopped_by) > 40
    named = re.findall(r"`(tests/[\w/]+\.py)`", tested_in)
    assert named
    assert [name for name in named if "def test_" not in (ROOT / name).read_text(encoding="utf-8")] == []


def test_hardly_a_threat_leaves_nothing_open():
    assert len(ROWS) >= 20
    assert sum(not row[3].strip(" |") for row in ROWS) <= 2
