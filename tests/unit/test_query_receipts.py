"""Receipts: what follows from the nodes' testimony. Silence is never taken for consent."""

from __future__ import annotations

import pytest

from atoll.model import Node, Tombstone
from atoll.repair_api import HeldReceipt, NodeReceipt, RemovedReceipt
from query_service.receipts import judge

ASSET = "0" * 26
OLD, NEW = "1" * 26, "2" * 26
SHA = "ab" * 32
EU, US = Node("eu-1", "eu", "s1", "http://eu"), Node("us-1", "us", "s1", "http://us")


def holds(node, *versions, stone=None):
    return NodeReceipt(
        node.name,
        node.region,
        ASSET,
        held=tuple(HeldReceipt(v, SHA, 1_000, 2_000) for v in versions),
        tombstone=stone,
    )


def removed(node, version=NEW, purged_at=None, shared=False):
    stone = Tombstone(ASSET, "photos", "a", "s1", version, 5_000)
    gone = (RemovedReceipt(SHA, 5_000, purged_at, shared),)
    return NodeReceipt(node.name, node.region, ASSET, tombstone=stone, applied_at=5_000, removed=gone)


def verdict(*receipts, unasked=()):
    said = {receipt.node: receipt for receipt in receipts}
    return judge(ASSET, "s1", [EU, US], said, dict.fromkeys(unasked, "It does not answer."))


def test_it_is_stored_when_every_node_holds_the_newest_version():
    view = verdict(holds(EU, OLD, NEW), holds(US, NEW))
    assert (view.state, view.complete, view.version, view.sha256) == ("stored", True, NEW, SHA)
    assert view.nodes[0].held[0].durable_since == "1970-01-01T00:00:01.000Z"


@pytest.mark.parametrize(
    "others", [holds(US), holds(US, OLD), removed(US, OLD)], ids=["none", "old", "deleted"]
)
def test_a_version_whose_bytes_nobody_holds_is_neither_stored_nor_deleted(others):
    lacks = NodeReceipt(EU.name, EU.region, ASSET, tombstone=others.tombstone, lacking=(NEW,))
    view = verdict(lacks, others)
    assert (view.state, view.complete, view.missing) == ("unknown", False, ["eu-1", "us-1"])


def test_a_node_with_an_older_version_only_is_missing():
    view = verdict(holds(EU, NEW), holds(US, OLD))
    assert (view.complete, view.missing) == (False, ["us-1"])


@pytest.mark.parametrize("receipt", [holds(EU, NEW), removed(EU)], ids=["stored", "deleted"])
def test_it_is_never_complete_when_a_node_could_not_be_asked(receipt):
    view = verdict(receipt, unasked=["us-1"])
    assert (view.complete, view.unasked, view.missing) == (False, ["us-1"], [])
    assert view.nodes[1].unasked == "It does not answer."


def test_it_is_deleted_when_every_node_has_the_tombstone_and_holds_nothing():
    view = verdict(removed(EU, purged_at=9_000), removed(US))
    assert (view.state, view.complete) == ("deleted", True)
    assert [r.erased_at for n in view.nodes for r in n.removed] == ["1970-01-01T00:00:09.000Z", None]


def test_a_node_that_slept_through_the_delete_is_missing():
    view = verdict(removed(EU), holds(US, OLD))
    assert (view.state, view.complete, view.missing) == ("deleted", False, ["us-1"])


def test_an_upload_after_the_delete_lives():
    stone = Tombstone(ASSET, "photos", "a", "s1", OLD, 5_000)
    view = verdict(holds(EU, NEW, stone=stone), holds(US, NEW, stone=stone))
    assert (view.state, view.complete) == ("stored", True)


def test_nodes_that_know_nothing_prove_nothing():
    view = verdict(holds(EU), holds(US))
    assert (view.state, view.complete) == ("unknown", False)
