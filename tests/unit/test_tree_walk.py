"""The walk over two nodes' trees: finds exactly what is missing, asks little, believes no nonsense."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_trees import MemoryTrees

from atoll.errors import Unavailable, UpstreamFailed
from atoll.ids import named_asset_id
from atoll.repair_api import AssetItem, BlobItem, LeafItems, TreeDigest
from atoll.tree_diff import Leaf, children_of, items_of
from atoll.tree_walk import differences, trees_that_differ

VERSIONS = [f"{n:026d}" for n in range(3)]


def asset(n, version=0, deleted=False):
    return AssetItem(named_asset_id("pictures", str(n)), VERSIONS[version], deleted)


def blob(n):
    return BlobItem("pictures", hashlib.sha256(str(n).encode()).hexdigest(), "jpg", 10)


async def missing(here, there, tree, **options):
    found = []
    async for one in differences(here, there, tree, **options):
        found += one.missing_assets if tree == "assets" else one.missing_blobs
    return found


assets = st.sets(st.builds(asset, st.integers(0, 60), st.integers(0, 2), st.booleans()), max_size=40)
blobs = st.sets(st.builds(blob, st.integers(0, 60)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(assets, assets, blobs, blobs, st.integers(1, 5))
async def test_exactly_what_the_other_has_and_this_one_lacks_is_found(own, theirs, own_b, their_b, page):
    here, there = MemoryTrees("a", own, own_b), MemoryTrees("b", theirs, their_b, page_items=page)
    found = await missing(here, there, "assets")
    assert len(found) == len(set(found))
    assert set(found) == theirs - own
    assert set(await missing(here, there, "blobs", at_once=2)) == their_b - own_b
    differ = [t for t, x, y in (("assets", own, theirs), ("blobs", own_b, their_b)) if x != y]
    assert await trees_that_differ(here, there) == differ


async def test_equal_trees_are_told_equal_by_one_small_answer_each():
    items, held = {asset(n) for n in range(500)}, {blob(n) for n in range(500)}
    here, there = MemoryTrees("a", items, held), MemoryTrees("b", items, held)
    assert await trees_that_differ(here, there) == []
    assert here.said + there.said < 1000


async def test_one_difference_is_found_in_four_questions_to_each():
    items = {asset(n) for n in range(500)}
    here, there = MemoryTrees("a", items), MemoryTrees("b", items | {asset(1000)})
    assert await trees_that_differ(here, there) == ["assets"]
    assert await missing(here, there, "assets") == [asset(1000)]
    assert len(there.asked) == 4
    assert here.said + there.said < 60_000


async def test_nothing_is_asked_below_a_range_that_is_empty_there():
    here, there = MemoryTrees("a", {asset(n) for n in range(50)}), MemoryTrees("b")
    assert await missing(here, there, "assets") == []
    assert [q for q in here.asked if len(q) > len("assets/")] == []


async def test_leaves_that_are_passed_over_are_not_asked():
    here, there = MemoryTrees("a"), MemoryTrees("b", {asset(1), asset(2)})
    assert await missing(here, there, "assets", skip=lambda leaf: True) == []
    assert not any(len(question) == len("assets/0000") for question in there.asked)


async def test_the_walk_asks_for_no_more_than_is_taken():
    here, there = MemoryTrees("a"), MemoryTrees("b", {asset(n) for n in range(2000)})
    walk = differences(here, there, "assets", at_once=4)
    async for _ in walk:
        break
    await walk.aclose()
    leaves = [question for question in there.asked if len(question) == len("assets/0000")]
    assert len(leaves) <= 4


async def test_a_node_that_breaks_off_ends_the_walk_with_its_error():
    class Broken(MemoryTrees):
        async def page(self, tree, leaf, after):
            raise Unavailable("gone")

    with pytest.raises(Unavailable):
        await missing(MemoryTrees("a"), Broken("b", {asset(n) for n in range(9)}), "assets")


async def test_a_leaf_without_an_end_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr("atoll.tree_walk._MOST_PAGES", 5)

    class Endless(MemoryTrees):
        async def page(self, tree, leaf, after):
            return LeafItems(after="again")

    with pytest.raises(UpstreamFailed, match="no end"):
        await missing(MemoryTrees("a"), Endless("b", {asset(1)}), "assets")


def test_an_item_that_does_not_belong_to_its_leaf_is_refused():
    with pytest.raises(UpstreamFailed, match="does not belong"):
        items_of(Leaf("assets", 0, "", "x"), [LeafItems(assets=(asset(1),))])


@pytest.mark.parametrize("children", [(), ("a",), ("a",) * 257])
def test_a_range_with_another_number_of_children_is_refused(children):
    with pytest.raises(UpstreamFailed):
        children_of(TreeDigest("ab", 3, children))


def test_an_empty_range_needs_no_children():
    assert set(children_of(TreeDigest("", 0))) == {""}
