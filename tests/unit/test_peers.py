"""Whom a node asks first: the nearest, but nobody who gives no sign of life."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from atoll.cluster import ClusterMap
from atoll.hedging import Hedger
from atoll.model import Node, Region, ReplicaSet
from storage_node.origin import Origin
from storage_node.peers import Peers

PLACES = [Region("eu", 50, 8), Region("us", 40, -74), Region("ap", 35, 139)]
NODES = [Node(f"{place.name}-1", place.name, "s1", f"http://{place.name}.test") for place in PLACES]


@pytest.fixture
def states():
    return {}


@pytest.fixture
def peers(states):
    view = SimpleNamespace(current=ClusterMap.of([*PLACES, *NODES, ReplicaSet("s1")]))
    me = Origin("eu-1", "eu", "s1")
    return Peers(me, view, None, None, 1.0, Hedger(), lambda name: states.get(name, "unknown"))


def names(nodes):
    return [node.name for node in nodes]


def test_the_nearest_peer_comes_first(peers):
    assert names(peers.of_set("s1")) == ["us-1", "ap-1"]


@pytest.mark.parametrize(("state", "first"), [("healthy", "us-1"), ("unknown", "us-1"), ("suspect", "ap-1")])
def test_a_suspect_peer_comes_last_and_is_not_left_out(peers, states, state, first):
    states["us-1"] = state
    assert names(peers.of_set("s1"))[0] == first
    assert names(peers.named(["us-1", "ap-1"]))[0] == first
    assert len(peers.of_set("s1")) == 2
