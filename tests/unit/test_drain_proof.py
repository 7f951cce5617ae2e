"""Drain: when a node may leave, and in which words the rest is told."""

from __future__ import annotations

import pytest
from heartbeat_maker import a_beat
from memory_trees import MemoryTrees
from msgspec.structs import replace

from atoll.cluster import ClusterMap
from atoll.errors import Unavailable
from atoll.health import HealthTable
from atoll.model import Node, Region, ReplicaSet
from atoll.repair_api import AssetItem, BlobItem, Roots, TreeDigest
from query_service.drain_proof import Confirmation, DrainProof, waiting_for

LEAVING = Node("eu-1", "eu", "s1", "http://eu-1", "draining")
US, AP = Node("us-1", "us", "s1", "http://us-1"), Node("ap-1", "ap", "s1", "http://ap-1")
ROOTS = Roots("eu-1", TreeDigest("", 0), TreeDigest("", 0))
SAID = a_beat(state="draining", outbox=0)
COMPLETE = Confirmation("us-1", "us")
BLOB = BlobItem("photos", "ab" * 32, "jpg", 10)
ASSET = AssetItem("a" * 26, "1" * 26)


def words(node=LEAVING, beat=SAID, roots=ROOTS, others=(COMPLETE,)):
    return "; ".join(waiting_for(node, beat, roots, others))


def test_a_node_that_has_nothing_under_way_and_all_elsewhere_waits_for_nothing():
    assert words() == ""


def test_an_upload_that_began_before_the_drain_is_waited_for():
    assert words(beat=replace(SAID, uploads=2)) == "eu-1 has 2 uploads under way"


def test_a_node_that_has_not_heard_of_the_drain_may_still_take_uploads():
    assert words(beat=replace(SAID, state="ready")) == "eu-1 has not said yet that it is draining"
    assert "not draining" in words(node=replace(LEAVING, state="active"))


def test_an_index_that_was_made_anew_hides_images_until_they_were_looked_at():
    assert "made anew" in words(roots=replace(ROOTS, unchecked=True))


@pytest.mark.parametrize("beat", [None, replace(SAID, outbox=1)])
def test_events_that_nobody_has_heard_are_waited_for(beat):
    assert "events" in words(beat=beat)


def test_silence_confirms_nothing():
    assert "eu-1 cannot be asked: off" in words(roots=Unavailable("off"))
    assert words(others=[Confirmation("us-1", "us", unasked="off")]) == "us-1: cannot be asked: off"
    assert words(others=[]) == "no other active node in set s1"


def test_what_others_lack_is_counted_and_a_count_broken_off_says_so():
    lacks = [Confirmation("us-1", "us", 3, 1), Confirmation("ap-1", "ap", 5000, more=True)]
    assert words(others=lacks) == (
        "us-1: lacks 3 images and 1 records; ap-1: lacks at least 5000 images and 0 records"
    )


def proof_over(trees: dict[str, MemoryTrees]) -> DrainProof:
    table = HealthTable()
    table.heard(SAID, 0.0)
    world = ClusterMap.of([*(Region(r, 0, 0) for r in ("eu", "us", "ap")), LEAVING, US, AP])
    return DrainProof(lambda: world, table, lambda node: trees[node.name])


async def test_one_node_that_answers_an_empty_tree_holds_the_drain_up():
    full = {"assets": [ASSET], "blobs": [BLOB]}
    trees = {n: MemoryTrees(n, **full) for n in ("eu-1", "us-1")} | {"ap-1": MemoryTrees("ap-1")}
    view = await proof_over(trees).of(LEAVING)
    assert (view.done, view.images, view.confirmed) == (False, 1, 0)
    assert view.waiting_for == ["ap-1: lacks 1 images and 1 records"]


async def test_all_of_it_elsewhere_is_done():
    view = await proof_over({n: MemoryTrees(n, [ASSET], [BLOB]) for n in ("eu-1", "us-1", "ap-1")}).of(
        LEAVING
    )
    assert (view.done, view.images, view.confirmed, view.waiting_for) == (True, 1, 1, [])


SET = ReplicaSet("s1", sealed=True)


def set_of(trees: dict[str, MemoryTrees], states: dict[str, str], *entries, said="draining") -> DrainProof:
    """A set of nodes in these states, each of which said so by itself."""
    table = HealthTable()
    nodes = [replace(node, state=states[node.name]) for node in (LEAVING, US)]
    for node in nodes:
        table.heard(replace(SAID, node=node.name, state=said), 0.0)
    world = ClusterMap.of([*(Region(r, 0, 0) for r in ("eu", "us")), *nodes, *entries])
    return DrainProof(lambda: world, table, lambda node: trees[node.name])


async def test_the_last_nodes_of_a_sealed_set_that_never_held_anything_may_leave():
    empty = {n: MemoryTrees(n) for n in ("eu-1", "us-1")}
    leaving = set_of(empty, {"eu-1": "draining", "us-1": "draining"}, SET)
    assert await leaving.unused("s1")
    assert (await leaving.of(LEAVING)).done
    open_set = set_of(empty, {"eu-1": "draining", "us-1": "draining"})
    assert not await open_set.unused("s1")
    assert (await open_set.of(LEAVING)).waiting_for == ["no other active node in set s1"]


@pytest.mark.parametrize("held", [{"assets": [ASSET]}, {"blobs": [BLOB]}])
async def test_what_one_member_holds_or_once_deleted_keeps_the_whole_set(held):
    trees = {"eu-1": MemoryTrees("eu-1"), "us-1": MemoryTrees("us-1", **held)}
    proof = set_of(trees, {"eu-1": "draining", "us-1": "draining"}, SET)
    assert not await proof.unused("s1")
    assert not (await proof.of(LEAVING)).done


async def test_an_upload_that_another_member_of_an_unused_set_may_still_take_is_waited_for():
    empty = {n: MemoryTrees(n) for n in ("eu-1", "us-1")}
    proof = set_of(empty, {"eu-1": "draining", "us-1": "draining"}, SET, said="ready")
    assert "us-1 has not said yet that it is draining" in (await proof.of(LEAVING)).waiting_for
