"""Noting what is touched must never stop what touches it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from index_maker import HandOrigin
from record_maker import a_tombstone

from storage_node.index import Index
from storage_node.index_deletes import apply_tombstone
from storage_node.touched_leaves import done, take


def test_a_second_tombstone_of_an_asset_is_taken_while_its_leaf_is_touched(tmp_path: Path) -> None:
    index, origin = Index(tmp_path / "index.db", "n1"), HandOrigin().origin
    first = a_tombstone()
    second = msgspec.structs.replace(first, version="2" * 26)
    for stone in (first, second):  # the second is an upsert, whose conflict clause rules in triggers too
        assert index.write(apply_tombstone(stone, origin)).result(20)
    assert index.write(take(2**17)).result(20)
    index.write(done).result(20)
    assert index.write(apply_tombstone(msgspec.structs.replace(first, version="3" * 26), origin)).result(20)
    assert len(index.write(take(10)).result(20)) == 1
    index.close()
