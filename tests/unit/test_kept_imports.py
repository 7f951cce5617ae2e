"""Imports of a lifetime: the collector rests over them, leaves them alone later, and works again after."""

from __future__ import annotations

import ast
import gc

import pytest
from import_graph import DAEMONS, ROOT

from atoll.kept_imports import kept_imports


@pytest.fixture(autouse=True)
def _as_before():
    """What these tests froze is thawed."""
    yield
    gc.unfreeze()
    gc.enable()


def test_no_garbage_is_sought_while_they_are_made_and_it_is_sought_again_afterwards():
    with kept_imports():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_was_made_is_left_out_of_all_collections():
    before = gc.get_freeze_count()
    with kept_imports():
        made = [[] for _ in range(1000)]
    assert gc.get_freeze_count() >= before + len(made)


def test_an_import_that_fails_leaves_the_collector_working():
    with pytest.raises(ImportError), kept_imports():
        raise ImportError
    assert gc.isenabled()


@pytest.mark.parametrize("daemon", DAEMONS)
def test_every_daemon_imports_its_app_so(daemon):
    """Nothing of its own is imported before: it would not be kept, and cost its time."""
    tree = ast.parse((ROOT / daemon / "__main__.py").read_text(encoding="utf-8"))
    (kept,) = (node for node in ast.walk(tree) if isinstance(node, ast.With))
    assert ast.unparse(kept.items[0]) == "kept_imports()"
    inside = {node.module for node in ast.walk(kept) if isinstance(node, ast.ImportFrom)}
    everywhere = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert f"{daemon}.app" in inside
    assert everywhere - inside == {"__future__", "atoll.kept_imports"}
