"""What the monitor says of a node follows from when it was heard, and from whether it could be heard."""

from __future__ import annotations

import pytest
from hand_clock import HandClock
from heartbeat_maker import a_beat

from atoll.cluster import ClusterMap
from atoll.model import Node, Region
from monitor.node_state import judge
from monitor.node_table import FORGET_AFTER, NodeTable

EU = Region("eu", 50, 8)
EU_1 = Node("eu-1", "eu", "s1", "http://eu-1.test")
CLUSTER = ClusterMap.of([EU, EU_1])


@pytest.mark.parametrize(
    ("heard", "listening", "now", "said", "state", "reason"),
    [
        (100.0, 0.0, 100.0, "ready", "healthy", "its heartbeats come"),
        (100.0, 0.0, 102.9, "ready", "healthy", "its heartbeats come"),
        (100.0, 0.0, 102.9, "draining", "healthy", "it is draining"),
        (100.0, 0.0, 100.0, "failing", "suspect", "its disk gives no answer"),
        (100.0, 0.0, 103.0, "ready", "suspect", "no heartbeat for 3 s"),
        (100.0, 0.0, 120.0, "stopping", "suspect", "said it was stopping"),
        (None, 0.0, 2.9, None, "unknown", "began to listen"),
        (None, 0.0, 3.0, None, "suspect", "has listened"),
        (100.0, None, 102.0, "ready", "healthy", "its heartbeats come"),
        (100.0, None, 103.0, "ready", "unknown", "cannot be heard"),
        (None, None, 103.0, None, "unknown", "cannot be heard"),
        (100.0, 200.0, 202.9, "ready", "unknown", "began to listen"),
        (100.0, 200.0, 203.0, "ready", "suspect", "no heartbeat for 103 s"),
    ],
)
def test_the_state_that_follows_from_silence(heard, listening, now, said, state, reason):
    verdict = judge(heard, listening, now, said)
    assert verdict.state == state
    assert reason in verdict.reason


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def table(clock):
    listening = NodeTable(clock)
    listening.listen_anew()
    return listening


def row(table, cluster=CLUSTER):
    (found,) = table.rows(cluster)
    return found


def test_time_in_state_counts_from_the_change_not_from_the_last_heartbeat(table, clock):
    table.heard(a_beat())
    began = row(table).since_ms
    clock.advance(2)
    table.heard(a_beat())
    assert (row(table).state, row(table).since_ms) == ("healthy", began)
    clock.advance(5)
    assert row(table).state == "suspect"
    assert row(table).since_ms == clock.now_ms()


def test_while_nats_is_away_a_silent_node_is_unknown_not_suspect(table, clock):
    table.heard(a_beat())
    table.deaf()
    clock.advance(10)
    assert row(table).state == "unknown"
    table.listen_anew()
    assert row(table).state == "unknown"
    table.heard(a_beat())
    assert row(table).state == "healthy"


def test_the_last_heartbeat_stays_visible_when_the_node_falls_silent(table, clock):
    beat = a_beat(blobs=99)
    table.heard(beat)
    clock.advance(100)
    assert row(table).beat == beat
    assert row(table).heard_ms == clock.now_ms() - 100_000


def test_a_node_outside_the_map_is_shown_and_later_forgotten(table, clock):
    table.heard(a_beat("stray"))
    stray = row(table, ClusterMap())
    assert (stray.node.name, stray.mapped) == ("stray", False)
    assert "not in the cluster map" in stray.reason
    clock.advance(FORGET_AFTER + 1)
    assert table.rows(ClusterMap()) == []


def test_a_node_of_the_map_is_never_forgotten(table, clock):
    table.heard(a_beat())
    clock.advance(FORGET_AFTER + 1)
    assert row(table).beat is not None


def test_a_node_removed_from_the_cluster_is_not_shown_even_if_it_still_sends(table):
    removed = ClusterMap.of([EU, Node("eu-1", "eu", "s1", "http://eu-1.test", state="removed")])
    table.heard(a_beat())
    assert table.rows(removed) == []
