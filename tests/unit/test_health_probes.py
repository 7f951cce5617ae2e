"""What a probe's answer changes in the health table, when no heartbeats come."""

from __future__ import annotations

from atoll.cluster import ClusterMap
from atoll.health import HealthTable
from atoll.heartbeat import Heartbeat
from atoll.model import Node, Region
from atoll.node_api import NodeStatus

NODE = Node("eu-1", "eu", "s1", "http://127.0.0.1:1")
CLUSTER = ClusterMap.of([Region("eu", 50, 8), NODE])


def beat(**changes: object) -> Heartbeat:
    facts: dict[str, object] = {
        "node": "eu-1", "region": "eu", "set": "s1", "url": NODE.url, "at": 0, "version": "1",
        "state": "ready", "read_only": False, "load": 0.5, "bytes_total": 100, "bytes_free": 50,
        "blobs": 0, "outbox": 0, "outbox_age_ms": 0,
    }  # fmt: skip
    return Heartbeat(**{**facts, **changes})  # type: ignore[arg-type]  # facts of a test


def test_a_node_known_only_by_its_probe_takes_uploads() -> None:
    table = HealthTable()
    table.probed("eu-1", True, 10.0, NodeStatus("eu-1", "eu", "s1", "ready", False, 42))
    candidate = table.writable(NODE, CLUSTER, 10.5)
    assert candidate is not None
    assert candidate.bytes_free == 42


def test_the_newer_word_counts() -> None:
    table = HealthTable()
    table.heard(beat(), 1.0)
    table.probed("eu-1", True, 3.0, NodeStatus("eu-1", "eu", "s1", "ready", True, 1))
    assert table.writable(NODE, CLUSTER, 3.5) is None
    table.heard(beat(), 4.0)
    assert table.writable(NODE, CLUSTER, 4.5) is not None


def test_a_node_that_says_it_stops_is_no_candidate() -> None:
    table = HealthTable()
    table.heard(beat(), 1.0)
    table.probed("eu-1", True, 3.0, NodeStatus("eu-1", "eu", "s1", "stopping", False, 1))
    assert table.candidate(NODE, CLUSTER, 3.5) is None


def test_a_refused_probe_keeps_what_the_node_said_and_makes_it_suspect() -> None:
    table = HealthTable()
    table.heard(beat(), 1.0)
    table.probed("eu-1", False, 2.6)
    assert table.state("eu-1", 2.7) == "suspect"
    assert table.known("eu-1") is not None
    assert table.heartbeat("eu-1") == beat()
