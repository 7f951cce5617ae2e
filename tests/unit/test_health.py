"""Alive, suspect, unknown: what follows from heartbeats, probes and the time since."""

from __future__ import annotations

import pytest
from heartbeat_maker import a_beat

from atoll.cluster import ClusterMap
from atoll.health import PROBE_AFTER, SUSPECT_AFTER, HealthTable
from atoll.model import Node, Region
from atoll.node_api import NodeStatus

EU = Region("eu", 50, 8)
EU_1 = Node("eu-1", "eu", "s1", "http://eu-1.test")
CLUSTER = ClusterMap.of([EU, EU_1])


@pytest.fixture
def table():
    return HealthTable()


@pytest.mark.parametrize(
    ("silence", "state"),
    [(0.0, "healthy"), (SUSPECT_AFTER - 0.01, "healthy"), (SUSPECT_AFTER, "suspect"), (1000.0, "suspect")],
)
def test_a_heartbeat_is_good_for_three_seconds(table, silence, state):
    table.heard(a_beat(), 10.0)
    assert table.state("eu-1", 10.0 + silence) == state


def test_who_was_never_heard_of_is_unknown(table):
    assert table.state("eu-1", 0.0) == "unknown"
    assert table.heartbeat("eu-1") is None
    assert table.candidate(EU_1, CLUSTER, 0.0) is None
    assert table.writable(EU_1, CLUSTER, 0.0) is None


def test_a_refused_probe_after_a_missed_heartbeat_says_so_sooner(table):
    table.heard(a_beat(), 10.0)
    table.probed("eu-1", False, 10.0 + PROBE_AFTER)
    assert table.state("eu-1", 10.0 + PROBE_AFTER) == "suspect"


def test_a_refused_probe_does_not_overrule_a_heartbeat_that_came_since(table):
    table.heard(a_beat(), 10.0)
    table.probed("eu-1", False, 10.0 + PROBE_AFTER - 0.01)
    assert table.state("eu-1", 10.0 + PROBE_AFTER) == "healthy"


def test_a_heartbeat_ends_suspicion(table):
    table.heard(a_beat(), 10.0)
    table.probed("eu-1", False, 12.0)
    table.heard(a_beat(), 12.5)
    assert table.state("eu-1", 12.6) == "healthy"


def test_an_answered_probe_is_a_sign_of_life_and_keeps_the_last_heartbeat(table):
    table.heard(a_beat(), 10.0)
    table.probed("eu-1", True, 20.0)
    assert table.state("eu-1", 22.9) == "healthy"
    assert table.heartbeat("eu-1") == a_beat()


def test_a_node_only_known_from_a_refused_probe_stays_unknown(table):
    table.probed("eu-1", False, 10.0)
    assert table.state("eu-1", 10.0) == "unknown"


def test_silent_nodes_are_those_to_probe(table):
    removed = Node("eu-9", "eu", "s1", "http://x.test", "removed")
    cluster = ClusterMap.of([EU, EU_1, Node("eu-2", "eu", "s1", "http://x.test"), removed])
    table.heard(a_beat("eu-1"), 10.0)
    assert [n.name for n in table.silent(cluster, 10.5)] == ["eu-2"]
    assert sorted(n.name for n in table.silent(cluster, 10.0 + PROBE_AFTER)) == ["eu-1", "eu-2"]


def test_a_candidate_has_the_place_load_and_room_that_the_node_told(table):
    table.heard(a_beat(load=0.7, bytes_free=123), 10.0)
    candidate = table.candidate(EU_1, CLUSTER, 10.1)
    assert (candidate.position, candidate.load, candidate.bytes_free) == (EU.position, 0.7, 123)


def test_a_suspect_node_serves_nobody(table):
    table.heard(a_beat(), 10.0)
    assert table.candidate(EU_1, CLUSTER, 13.0) is None


def test_a_node_in_a_region_the_map_lacks_is_no_candidate(table):
    table.heard(a_beat(), 10.0)
    assert table.candidate(EU_1, ClusterMap.of([EU_1]), 10.1) is None


@pytest.mark.parametrize(
    ("beat", "state", "serves", "takes_uploads"),
    [
        ({}, "active", True, True),
        ({"read_only": True}, "active", True, False),
        ({"state": "draining"}, "active", True, False),
        ({"state": "stopping"}, "active", False, False),
        ({}, "draining", True, False),
    ],
)
def test_who_serves_and_who_takes_uploads(table, beat, state, serves, takes_uploads):
    entry = Node("eu-1", "eu", "s1", "http://eu-1.test", state)
    cluster = ClusterMap.of([EU, entry])
    table.heard(a_beat(**beat), 10.0)
    assert (table.candidate(entry, cluster, 10.1) is not None) is serves
    assert (table.writable(entry, cluster, 10.1) is not None) is takes_uploads


def test_a_node_whose_disk_gives_no_answer_is_suspect_at_once_and_healthy_when_it_says_so(table):
    table.heard(a_beat(state="failing"), 10.0)
    assert table.state("eu-1", 10.0) == "suspect"
    assert table.candidate(EU_1, CLUSTER, 10.0) is None
    assert table.writable(EU_1, CLUSTER, 10.0) is None
    table.heard(a_beat(), 10.5)
    assert table.state("eu-1", 10.5) == "healthy"


def test_a_probe_is_believed_when_it_says_that_the_disk_fails(table):
    table.heard(a_beat(), 10.0)
    table.probed("eu-1", True, 12.0, NodeStatus("eu-1", "eu", "s1", "failing", False, 1))
    assert table.state("eu-1", 12.0) == "suspect"
