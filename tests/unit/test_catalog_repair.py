"""The catalog's repair: what is missing, outdated, a ghost or wrongly placed, and what is written when."""

from __future__ import annotations

import pytest
from memory_trees import MemoryTrees
from query_cluster import asset

from atoll.errors import Unavailable
from atoll.model import Node, Tombstone
from atoll.node_api import AssetState
from atoll.repair_api import AssetItem, Proof, leaf_of_asset
from query_service import testimony
from query_service.branch_reading import BranchReader
from query_service.catalog_repair import CatalogRepair
from query_service.proof_rounds import ProofRounds

EU, US = (Node(f"{r}-1", r, "main", f"http://{r}") for r in ("eu", "us"))
OLD, NEW = "1" * 26, "2" * 26
HERE = asset(EU, US, version=NEW)
ID = HERE.record.asset_id
STONE = Tombstone(ID, "photos", "cats/tom", "main", NEW, 5)


class Catalog:
    def __init__(self, *assets):
        self.kept = {a.record.asset_id: a for a in assets}
        self.mended, self.ghosts, self.refuses = None, None, 0

    async def in_leaves(self, set_name, leaves):
        return {i: a for i, a in self.kept.items() if leaf_of_asset(i) in leaves}

    async def versions_in_leaves(self, set_name, leaves):
        kept = (a.record for i, a in self.kept.items() if leaf_of_asset(i) in leaves)
        return {f"{record.asset_id}/{record.version}" for record in kept}

    async def mend(self, change):
        self.mended = change
        return self.refuses

    async def remove_ghosts(self, ghosts, versions=()):
        self.ghosts, self.ghost_versions = ghosts, versions


class Nodes:
    """Records, tombstones and holders as the test wrote them down; answers as trees and as witnesses."""

    def __init__(self):
        self.records = {EU.name: HERE.record, US.name: HERE.record}
        self.stones, self.holders, self.silent, self.short = {}, {EU.name, US.name}, set(), set()

    def trees(self, node):
        items = [AssetItem(ID, r.version) for n, r in self.records.items() if n == node.name]
        items += [AssetItem(ID, s.version, True) for n, s in self.stones.items() if n == node.name]
        return Silent() if node.name in self.silent else MemoryTrees(node.name, items)

    async def ask(self, members, method, path, kind, *, body=None, seconds=5.0):
        asked = [n.name for n in members if n.name not in self.silent]
        return testimony.Testimony(
            {name: self._say(name, path, body) for name in asked},
            {n.name: "off" for n in members if n.name in self.silent},
        )

    def _say(self, name, path, body):
        if path.endswith("/proofs"):
            return [Proof(name in self.holders, 10, 7, 7) for _ in body.items]
        record = self.records.get(name)
        state = AssetState((record,) if record else (), self.stones.get(name))
        return [] if name in self.short else [state for _ in body.asset_ids]


class Silent:
    async def range(self, tree, prefix):
        raise Unavailable("off")


@pytest.fixture
def nodes():
    return Nodes()


async def repair(catalog, nodes, *, write=True):
    made = CatalogRepair(catalog, BranchReader(nodes.trees), ProofRounds(nodes), nodes)
    return await made.branch("main", [EU, US], leaf_of_asset(ID) >> 8, write=write)


def counts(view):
    return view.missing, view.outdated, view.ghosts, view.wrong_locations


async def test_a_catalog_that_agrees_has_no_differences(nodes):
    view = await repair(Catalog(HERE), nodes, write=False)
    assert (counts(view), view.complete, view.changed) == ((0, 0, 0, 0), True, [])


async def test_what_the_catalog_lacks_is_written_with_its_locations(nodes):
    catalog = Catalog()
    view = await repair(catalog, nodes)
    assert (counts(view), view.changed) == ((1, 0, 0, 0), [ID])
    assert list(catalog.mended.records) == [ID]
    assert {n for marks in catalog.mended.marks.values() for n, m in marks.items() if m.held} == {
        "eu-1",
        "us-1",
    }


async def test_a_check_writes_nothing(nodes):
    catalog = Catalog()
    assert (await repair(catalog, nodes, write=False)).missing == 1
    assert (catalog.mended, catalog.ghosts) == (None, None)


async def test_an_older_version_is_outdated(nodes):
    assert counts(await repair(Catalog(asset(EU, US, version=OLD)), nodes))[1] == 1


async def test_a_node_that_lost_its_copy_is_struck_out_just_after_what_was_believed(nodes):
    nodes.holders = {EU.name}
    catalog = Catalog(HERE)
    assert counts(await repair(catalog, nodes)) == (0, 0, 0, 1)
    ((marks),) = catalog.mended.marks.values()
    assert (marks["us-1"].held, marks["us-1"].at) == (False, 2)


async def test_what_no_node_knows_is_a_ghost_removed_at_the_version_that_was_seen(nodes):
    nodes.records = {}
    catalog = Catalog(HERE)
    assert counts(await repair(catalog, nodes)) == (0, 0, 1, 0)
    assert catalog.ghosts == {ID: NEW}


async def test_what_is_buried_anywhere_does_not_come_back(nodes):
    nodes.stones = {US.name: STONE}
    catalog = Catalog()
    assert (await repair(catalog, nodes)).assets == 0
    assert (catalog.mended.records, catalog.mended.tombstones) == ({}, {ID: STONE})


@pytest.mark.parametrize("trouble", ["silent", "short"])
async def test_no_ghost_is_removed_while_a_member_did_not_tell_everything(nodes, trouble):
    setattr(nodes, trouble, {US.name})
    del nodes.records[EU.name]
    catalog = Catalog(HERE)
    view = await repair(catalog, nodes)
    assert (view.complete, list(view.unasked), view.ghosts) == (False, ["us-1"], 1)
    assert catalog.ghosts is None


async def test_what_mongodb_refuses_is_told(nodes):
    catalog = Catalog()
    catalog.refuses = 1
    assert (await repair(catalog, nodes)).refused == 1
