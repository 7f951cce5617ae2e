"""No half-done word stays behind in what people read."""

from __future__ import annotations

import re

import pytest
from import_graph import PACKAGES, ROOT

LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|TBD|WIP|HACK|lorem ipsum)\b|<<<<<<<|>>>>>>>", 0)

PROSE = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.toml")])
SOURCES = sorted(f for folder in (*PACKAGES, "benchmarks") for f in (ROOT / folder).rglob("*.py"))


def test_there_is_something_to_read():
    assert (ROOT / "README.md") in PROSE
    assert SOURCES


@pytest.mark.parametrize("file", [*PROSE, *SOURCES], ids=lambda f: str(f.relative_to(ROOT)))
def test_no_leftovers(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if LEFTOVERS.search(line)] == []


@pytest.mark.parametrize("file", PROSE, ids=lambda f: str(f.relative_to(ROOT)))
def test_links_to_files_of_ours_lead_somewhere(file):
    # Without code: a pattern in it may look like a link.
    prose = re.sub(r"`[^`\n]+`", "code", file.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", prose):
        assert (file.parent / target).exists(), target


@pytest.mark.parametrize("text", ["TODO: later", "# FIXME", "<<<<<<< HEAD", "is TBD."])
def test_a_planted_leftover_is_found(text):
    assert LEFTOVERS.search(text)
