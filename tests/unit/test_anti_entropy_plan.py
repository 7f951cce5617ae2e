"""What of a leaf's differences is ordered: never what a tombstone covers, never what a stream is bringing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atoll.ids import named_asset_id, new_id
from atoll.model import AssetRecord, Blob, Picture, Tombstone
from atoll.node_api import AssetState
from atoll.repair_api import AssetItem
from atoll.tree_diff import Leaf, LeafDifference
from replicator.anti_entropy_memory import FORGET_SECONDS, MOST, Memory
from replicator.anti_entropy_plan import Lacking, is_fresh, joined, lacking, records_of, tombstone_of

NOW, GRACE = 1_700_000_000_000, 10_000
ASSETS = [named_asset_id("pictures", name) for name in "abc"]
VERSIONS = sorted(new_id(NOW - 3_600_000 + n) for n in range(6))
LEAF = Leaf("assets", 0, "a", "b")


def difference(here, there):
    return LeafDifference(LEAF, assets_here=frozenset(here), assets_there=frozenset(there))


def record(asset_id, version, at=NOW):
    return AssetRecord(asset_id, "p", version, "s1", Blob("pictures", "0" * 64, "jpg", 1, Picture(1, 1)), at)


def stone(asset_id, version):
    return Tombstone(asset_id, "pictures", "p", "s1", version, NOW)


items = st.sets(
    st.builds(AssetItem, st.sampled_from(ASSETS), st.sampled_from(VERSIONS), st.booleans()), max_size=12
)


@given(items, items)
def test_what_is_ordered_makes_the_node_whole_and_brings_nothing_deleted_back(here, there):
    wanted = lacking(difference(here, there), NOW, GRACE)
    deleted = {a: max((i.version for i in here | there if i.asset_id == a and i.deleted), default="")
               for a in ASSETS}  # fmt: skip
    assert wanted.fresh == 0
    for asset_id, version in wanted.versions:
        assert AssetItem(asset_id, version) in there - here
        assert version > deleted[asset_id]
    for item in there - here:
        if not item.deleted and item.version > deleted[item.asset_id]:
            assert (item.asset_id, item.version) in wanted.versions
    for asset_id in ASSETS:
        own = max((i.version for i in here if i.asset_id == asset_id and i.deleted), default="")
        assert (asset_id in wanted.tombstones) == (deleted[asset_id] > own)


@given(items)
def test_equal_leaves_lack_nothing(both):
    assert lacking(difference(both, both), NOW, GRACE) == Lacking()


def test_a_version_is_fresh_only_while_our_own_clock_says_so():
    assert is_fresh(new_id(NOW), NOW, GRACE)
    assert is_fresh(new_id(NOW - GRACE + 1), NOW, GRACE)
    assert not is_fresh(new_id(NOW - GRACE), NOW, GRACE)
    assert not is_fresh(new_id(NOW + 86_400_000), NOW, GRACE)
    assert not is_fresh("u" * 26, NOW, GRACE)


def test_a_fresh_version_is_counted_and_left_to_its_stream_a_fresh_tombstone_is_not():
    there = {AssetItem(ASSETS[0], new_id(NOW)), AssetItem(ASSETS[1], new_id(NOW), deleted=True)}
    wanted = lacking(difference(set(), there), NOW, GRACE)
    assert (wanted.fresh, wanted.versions, wanted.tombstones) == (1, frozenset(), {ASSETS[1]})


def test_only_wanted_records_that_still_stand_are_pulled():
    wanted = Lacking(versions=frozenset({(ASSETS[0], VERSIONS[1]), (ASSETS[0], VERSIONS[3])}))
    records = tuple(record(ASSETS[0], v) for v in reversed(VERSIONS))
    state = AssetState(records, stone(ASSETS[0], VERSIONS[2]))
    assert [r.version for r in records_of(ASSETS[0], state, wanted)] == [VERSIONS[3]]


def test_a_state_of_another_asset_than_was_asked_for_is_not_believed():
    wanted = Lacking(frozenset({ASSETS[0]}), frozenset({(ASSETS[0], VERSIONS[0])}))
    state = AssetState((record(ASSETS[1], VERSIONS[0]),), stone(ASSETS[1], VERSIONS[0]))
    assert tombstone_of(ASSETS[0], state, wanted) is None
    assert records_of(ASSETS[0], state, wanted) == []


def test_several_leaves_are_asked_for_as_one():
    one = Lacking(frozenset({ASSETS[0]}), frozenset(), 1)
    two = Lacking(frozenset(), frozenset({(ASSETS[1], VERSIONS[0])}), 2)
    whole = joined([one, two])
    assert whole.asset_ids == set(ASSETS[:2])
    assert whole.fresh == 3
    assert joined([]) == Lacking()


def test_a_settled_leaf_is_passed_over_only_while_both_digests_stay():
    memory = Memory()
    memory.begin(0.0)
    memory.settle(LEAF)
    assert memory.is_settled(LEAF)
    assert not memory.is_settled(Leaf("assets", 0, "a", "c"))
    assert not memory.is_settled(Leaf("blobs", 0, "a", "b"))
    memory.begin(FORGET_SECONDS - 1)
    assert memory.is_settled(LEAF)
    memory.begin(FORGET_SECONDS)
    assert not memory.is_settled(LEAF)


def test_the_memory_is_bounded():
    memory = Memory()
    for number in range(MOST + 10):
        memory.settle(Leaf("blobs", number, "a", "b"))
        memory.failed(str(number))
    assert not memory.is_settled(Leaf("blobs", MOST + 1, "a", "b"))
    assert memory.has_failed("0")
    assert not memory.has_failed(str(MOST + 1))
