"""A set at a glance: what one look at all nodes proves, and what it must leave to the walk."""

from __future__ import annotations

import pytest
from memory_trees import MemoryTrees
from msgspec.structs import replace

from atoll.cli.branch_walk import BRANCHES, BranchNotes, left_to_walk
from atoll.client.proof_views import VerifiedBranch, VerifySurvey
from atoll.errors import Unavailable
from atoll.model import Node
from atoll.repair_api import AssetItem, BlobItem, leaf_of_asset
from query_service import testimony
from query_service.branch_reading import BranchReader
from query_service.catalog_repair import CatalogRepair
from query_service.proof_rounds import ProofRounds
from query_service.verification import Verification

NODES = tuple(Node(f"{r}-1", r, "s1", f"http://{r}") for r in ("eu", "us", "ap"))
BLOBS = [BlobItem("photos", f"{branch:02x}" * 32, "jpg", 10) for branch in (0xAB, 0xAB, 0x17)]
RECORD = AssetItem("a" * 26, "1" * 26)
HELD = {0xAB, 0x17, leaf_of_asset(RECORD.asset_id) >> 8}


class Set:
    """Three nodes that hold the same, changed by the test; answers as trees and as witnesses."""

    def __init__(self):
        self.trees = {node.name: MemoryTrees(node.name, [RECORD], BLOBS) for node in NODES}
        self.silent, self.unheld, self.asked = set(), {}, 0

    def of(self, node):
        return self if node.name in self.silent else self.trees[node.name]

    async def range(self, tree, prefix):
        raise Unavailable("off")

    async def ask(self, members, method, path, kind, *, body=None, seconds=5.0):
        assert path == "/internal/v1/unheld"
        self.asked += len(members)
        silent = {node.name: "off" for node in members if node.name in self.silent}
        return testimony.Testimony(
            {node.name: self.unheld.get(node.name, []) for node in members if node.name not in silent}, silent
        )

    @property
    def requests(self):
        return self.asked + sum(len(tree.asked) for tree in self.trees.values())


@pytest.fixture
def nodes():
    return Set()


@pytest.fixture
def settled(nodes):
    async def run(*, deep=False):
        verification = Verification(BranchReader(nodes.of), ProofRounds(nodes), nodes)
        found = await verification.settled("s1", NODES, deep=deep)
        return {int(view.branch, 16): view for view in found}

    return run


async def test_nodes_that_are_alike_are_proven_by_three_questions_each(settled, nodes):
    found = await settled()
    assert sorted(found) == list(range(BRANCHES))
    assert all(view.complete for view in found.values())
    assert (found[0xAB].images, found[0xAB].copies) == (1, {"eu-1": 1, "us-1": 1, "ap-1": 1})
    assert sum(view.images for view in found.values()) == 2
    assert nodes.requests == 3 * len(NODES)


async def test_an_empty_set_is_complete_and_says_who_was_asked(settled, nodes):
    for tree in nodes.trees.values():
        tree.assets.clear()
        tree.blobs.clear()
    found = await settled(deep=True)
    assert len(found) == BRANCHES
    assert found[0].copies == {"eu-1": 0, "us-1": 0, "ap-1": 0}


async def test_what_one_node_lacks_is_left_to_the_walk(settled, nodes):
    nodes.trees["us-1"].blobs.discard(BLOBS[2])
    nodes.trees["ap-1"].assets.clear()
    assert set(range(BRANCHES)) - (await settled()).keys() == HELD - {0xAB}


async def test_records_without_bytes_are_left_to_the_walk_though_all_nodes_are_alike(settled, nodes):
    nodes.unheld["us-1"] = [5]
    assert set(range(BRANCHES)) - (await settled()).keys() == {5}


async def test_what_is_to_be_read_deep_is_all_that_anybody_holds(settled):
    assert set(range(BRANCHES)) - (await settled(deep=True)).keys() == HELD


async def test_of_a_set_with_a_silent_node_nothing_is_settled(settled, nodes):
    nodes.silent.add("us-1")
    assert await settled() == {}


async def test_a_node_of_an_earlier_release_settles_nothing(settled, nodes):
    tree = nodes.trees["us-1"]
    whole = tree.range

    async def without_counts(*asked):
        return replace(await whole(*asked), counts=())

    tree.range = without_counts
    assert await settled() == {}


class Catalog:
    def __init__(self, *branches):
        self.branches = set(branches)

    async def branches_of(self, set_name):
        return self.branches


@pytest.mark.parametrize("kept", [(), (3,), tuple(range(BRANCHES))])
async def test_the_catalog_is_walked_where_it_or_a_node_has_anything(nodes, kept):
    repair = CatalogRepair(Catalog(*kept), BranchReader(nodes.of), ProofRounds(nodes), nodes)
    found = await repair.settled("s1", NODES)
    assert {int(branch.branch, 16) for branch in found} == set(range(BRANCHES)) - HELD - set(kept)
    assert all(branch.complete and not branch.rebuilt for branch in found)
    nodes.silent.add("ap-1")
    assert await repair.settled("s1", NODES) == []


async def test_what_is_settled_is_noted_once_and_the_rest_is_walked(tmp_path):
    def branch(number, name="s1"):
        return VerifiedBranch(name, f"{number:02x}", 1, {"eu-1": 1}, complete=True)

    async def survey(name):
        return VerifySurvey(name, tuple(branch(n, name) for n in range(1, BRANCHES)) if name == "s1" else ())

    about = {"about": "eu-1", "most_seconds": 100, "resume": True}
    with BranchNotes(tmp_path / "notes", VerifiedBranch, **about) as notes:
        notes.add(branch(1))
        left = await left_to_walk(["s1", "s2"], survey, notes)
        assert left == [("s1", 0), *(("s2", n) for n in range(BRANCHES))]
        assert len(notes.done) == BRANCHES - 1
