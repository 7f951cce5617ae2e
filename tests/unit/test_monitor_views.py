"""What the monitor says of sets and of the whole."""

from __future__ import annotations

import pytest

from atoll.cluster import ClusterMap
from atoll.model import Node, ReplicaSet
from monitor.node_table import NodeRow
from monitor.views import count_states, health_view, judge_set, set_views


def row(name, state="healthy", region=None):
    region = region or name[:2]
    return NodeRow(Node(name, region, "s1", "http://n.test"), True, state, "because", 0, None, None)


@pytest.mark.parametrize(
    ("rows", "state", "reason"),
    [
        ([row("eu-1"), row("us-1")], "healthy", "two regions"),
        ([row("eu-1"), row("eu-2")], "degraded", "one region"),
        ([row("eu-1")], "degraded", "one region"),
        ([row("eu-1"), row("us-1", "suspect")], "degraded", "not healthy: us-1"),
        ([row("eu-1"), row("us-1", "unknown")], "degraded", "not healthy: us-1"),
        ([row("eu-1", "suspect"), row("us-1", "unknown")], "down", "no member"),
        ([], "down", "no member"),
    ],
)
def test_the_state_of_a_set(rows, state, reason):
    found, why = judge_set(rows)
    assert found == state
    assert reason in why


def test_a_set_of_the_map_is_shown_without_members_and_says_if_it_is_sealed():
    cluster = ClusterMap.of([ReplicaSet("s0", sealed=True)])
    empty, used = set_views([row("eu-1"), row("us-1")], cluster)
    assert (empty.name, empty.sealed, empty.state, empty.members) == ("s0", True, "down", ())
    assert (used.name, used.sealed, used.state, used.regions) == ("s1", False, "healthy", ("eu", "us"))


def test_a_healthy_cluster_has_no_problems():
    rows = [row("eu-1"), row("us-1")]
    view = health_view(rows, set_views(rows, ClusterMap()), [], connected=True, refused={})
    assert (view.state, view.problems) == ("healthy", ())


def test_everything_that_is_wrong_is_a_sentence():
    rows = [row("eu-1"), row("us-1", "suspect")]
    view = health_view(rows, set_views(rows, ClusterMap()), ["eu-1 is full"], connected=False, refused={})
    assert view.state == "degraded"
    assert view.problems == (
        "NATS does not bring the monitor what is sent",
        "set s1 is degraded: not healthy: us-1",
        "node us-1 is suspect: because",
        "eu-1 is full",
    )


def test_states_that_nobody_has_are_counted_as_none():
    assert count_states(["a", "a"], ("a", "b")) == {"a": 2, "b": 0}
