"""docs/guarantees.md: every test it names is there, and every promise names one."""

from __future__ import annotations

import ast
import re

import pytest
from import_graph import ROOT

TEXT = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test or file for file, test in NAMED])
def test_a_test_it_names_exists(file, test):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = {n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
    assert not test or test in functions
    assert any(name.startswith("test_") for name in functions)


def test_every_promise_names_a_test():
    promises = TEXT.partition("## What is not promised")[0]
    blocks = re.split(r"\n\n(?=\*\*)", promises)[1:]
    assert len(blocks) >= 15
    assert [block[:60] for block in blocks if "`tests/" not in block] == []
