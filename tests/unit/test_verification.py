"""Verification: what a branch's view may call complete, whatever the nodes say and whenever they say it."""

from __future__ import annotations

import pytest
from memory_trees import MemoryTrees

from atoll.model import Node
from atoll.node_api import AssetState
from atoll.repair_api import MAX_PROOFS, MAX_UNHELD, BlobItem, Proof
from query_service import testimony
from query_service.branch_reading import BranchDigests, BranchReader
from query_service.branch_view import Problem, Tally
from query_service.proof_rounds import DEEP_BYTES, DEEP_ITEMS, ProofRounds, _rounds
from query_service.verification import Verification

NODES = tuple(Node(f"{r}-1", r, "s1", f"http://{r}") for r in ("eu", "us"))
SHA = "ab" * 32
BLOB = BlobItem("photos", SHA, "jpg", 10)


class Witnesses:
    """Answers for nodes from what the test wrote down; `gone` blobs vanish when they are read."""

    def __init__(self, trees):
        self.trees, self.silent, self.unheld = trees, set(), {}
        self.gone, self.bad, self.needed, self.short = set(), set(), set(), set()

    async def ask(self, members, method, path, kind, *, body=None, seconds=5.0):
        silent = {n.name: "off" for n in members if n.name in self.silent}
        said = {n.name: self._say(n.name, path, body) for n in members if n.name not in silent}
        return testimony.Testimony(said, silent)

    def _say(self, name, path, body):
        if path.startswith("/internal/v1/unheld/"):
            return self.unheld.get(name, [])
        if path == "/internal/v1/assets/states":
            said = [AssetState((), None) for _ in body.asset_ids]
        else:
            said = [self._proof(name, item, deep=body.deep) for item in body.items]
        return said[1:] if name in self.short else said

    def _proof(self, name, item, *, deep):
        held = [b for b in self.trees[name].blobs if b.sha256 == item.sha256]
        if deep and held and name in self.gone | self.bad:
            self.trees[name].blobs.discard(held[0])
            return Proof(False, bad=name in self.bad)
        return Proof(True, held[0].size, 1, 1) if held else Proof(False, needed=name in self.needed)


async def no_sleep(_seconds):
    return None


@pytest.fixture
def trees():
    return {n.name: MemoryTrees(n.name, blobs=[BLOB]) for n in NODES}


@pytest.fixture
def witnesses(trees):
    return Witnesses(trees)


@pytest.fixture
def verify(trees, witnesses):
    def run(*, deep=False):
        reader = BranchReader(lambda node: trees[node.name])
        made = Verification(reader, ProofRounds(witnesses), witnesses, no_sleep)
        return made.branch("s1", NODES, int(SHA[:2], 16), deep=deep)

    return run


async def test_equal_nodes_are_complete(verify):
    view = await verify(deep=True)
    assert (view.complete, view.images, view.copies, view.reread) == (True, 1, {"eu-1": 1, "us-1": 1}, 2)


async def test_a_node_with_an_empty_tree_lacks_everything(verify, trees):
    trees["us-1"].blobs.clear()
    view = await verify()
    assert (view.complete, view.problems) == (False, [Problem("us-1", "missing", "photos", SHA)])


async def test_silence_is_named_and_never_complete(verify, witnesses):
    witnesses.silent.add("us-1")
    view = await verify()
    assert (view.complete, view.unasked) == (False, {"us-1": "off"})


async def test_a_copy_that_vanished_before_it_was_read_is_missing(verify, witnesses):
    witnesses.gone = {"us-1"}
    view = await verify(deep=True)
    assert (view.complete, view.problems) == (False, [Problem("us-1", "missing", "photos", SHA)])


async def test_what_nobody_holds_any_more_is_missing_where_a_record_needs_it(verify, witnesses):
    witnesses.gone, witnesses.needed = {"eu-1", "us-1"}, {"eu-1"}
    view = await verify(deep=True)
    assert (view.complete, view.problems) == (False, [Problem("eu-1", "missing", "photos", SHA)])


async def test_what_nobody_holds_nor_needs_was_deleted_meanwhile(verify, witnesses):
    witnesses.gone = {"eu-1", "us-1"}
    assert (await verify(deep=True)).complete


async def test_wrong_bytes_are_a_problem_of_their_own(verify, witnesses):
    witnesses.bad = {"us-1"}
    view = await verify(deep=True)
    assert {p.what for p in view.problems} == {"wrong bytes"}
    assert not view.complete


async def test_as_many_records_without_bytes_as_are_told_at_once_are_at_least_so_many(verify, witnesses):
    witnesses.unheld = {"eu-1": [BlobItem("photos", f"{n:064x}", "jpg", 1) for n in range(MAX_UNHELD)]}
    witnesses.needed = {"eu-1"}  # for it has records of them
    view = await verify()
    assert (view.complete, view.more, view.problem_count) == (False, True, MAX_UNHELD)


async def test_bytes_that_a_record_lacked_for_a_moment_are_not_missing(verify, witnesses):
    """A copy that was found bad is replaced: its record may be of another branch than its bytes."""
    witnesses.unheld = {"us-1": [BLOB]}
    assert (await verify()).complete


async def test_a_node_that_tells_of_fewer_than_it_was_asked_counts_as_not_asked(verify, trees, witnesses):
    trees["us-1"].blobs.clear()
    witnesses.short = {"us-1"}
    view = await verify()
    assert (view.complete, view.unasked) == (False, {"us-1": "It told of fewer blobs."})


def test_a_branch_of_which_nobody_told_is_not_complete():
    assert not Tally("s1", 0).view().complete


def test_the_same_problem_found_twice_is_told_once():
    tally = Tally("s1", 0, copies={"eu-1": 0}, problems=[Problem("eu-1", "missing", "b", SHA)] * 2)
    assert tally.view().problem_count == 1


def test_all_there_is_is_what_a_node_has_and_what_it_lacks(trees):
    tally = Tally("s1", 0)
    said = {"eu-1": 5, "us-1": 3}
    digests = BranchDigests("blobs", 0, {n: _Digest(items) for n, items in said.items()})
    tally.count(digests, {"eu-1": "x", "us-1": "abc"})
    assert (tally.images, tally.copies) == (6, said)


class _Digest:
    def __init__(self, items):
        self.items = items


def test_rounds_keep_to_a_number_and_to_bytes_and_lose_nothing():
    small = [BlobItem("photos", f"{n:064x}", "jpg", 1) for n in range(DEEP_ITEMS + 1)]
    large = [BlobItem("photos", f"f{n:063x}", "jpg", DEEP_BYTES + 1) for n in range(2)]
    rounds = list(_rounds([*small, *large]))
    assert [len(part) for part in rounds] == [DEEP_ITEMS, 1, 1, 1]
    assert [blob for part in rounds for blob in part] == [*small, *large]
    assert DEEP_ITEMS <= MAX_PROOFS
