"""Only heartbeats that a node of ours sent just now count; the others are counted by reason."""

from __future__ import annotations

import pytest
from hand_clock import HandClock
from heartbeat_maker import a_beat, sealed

from atoll.cluster import ClusterMap
from atoll.signing import CLOCK_LEEWAY_MS, Keys
from monitor.heartbeats import HeartbeatListener
from monitor.node_table import NodeTable

KEYS = Keys(b"k" * 32)


class _NoBus:
    def on_reconnect(self, callback):
        """Nothing reconnects here."""


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def table(clock):
    return NodeTable(clock)


@pytest.fixture
def listener(table, clock):
    return HeartbeatListener(_NoBus(), KEYS, table, clock)


def heard(table):
    return [row.node.name for row in table.rows(ClusterMap())]


def test_a_sealed_heartbeat_is_taken(listener, table, clock):
    listener.take(*sealed(a_beat(at=clock.now_ms()), KEYS))
    assert heard(table) == ["eu-1"]
    assert (listener.taken, sum(listener.refused.values())) == (1, 0)


@pytest.mark.parametrize(
    "forge",
    [
        lambda subject, body, headers: (subject, body, None),
        lambda subject, body, headers: (subject, body, {"Atoll-Signature": "ü"}),
        lambda subject, body, headers: (subject, body.replace(b"500000", b"100000"), headers),
        lambda subject, body, headers: ("atoll.heartbeat.eu.eu-2", body, headers),
        lambda subject, body, headers: (subject, b"\xff\x00", headers),
    ],
    ids=["no signature", "not ASCII", "altered", "another node's subject", "no JSON"],
)
def test_a_forged_heartbeat_is_ignored_and_counted(listener, table, clock, forge):
    listener.take(*forge(*sealed(a_beat(at=clock.now_ms()), KEYS)))
    assert heard(table) == []
    assert listener.refused["forged"] == 1


def test_a_heartbeat_sealed_with_another_secret_is_ignored(listener, table, clock):
    listener.take(*sealed(a_beat(at=clock.now_ms()), Keys(b"x" * 32)))
    assert heard(table) == []
    assert listener.refused["forged"] == 1


@pytest.mark.parametrize("offset", [-CLOCK_LEEWAY_MS - 1, CLOCK_LEEWAY_MS + 1])
def test_an_old_heartbeat_sent_again_does_not_keep_a_dead_node_alive(listener, table, clock, offset):
    listener.take(*sealed(a_beat(at=clock.now_ms() + offset), KEYS))
    assert heard(table) == []
    assert listener.refused["untimely"] == 1


def test_a_flood_of_forgeries_fills_the_counter_and_not_the_log(listener, caplog):
    for _ in range(1000):
        listener.take("atoll.heartbeat.eu.eu-1", b"{}", None)
    assert listener.refused["forged"] == 1000
    assert len(caplog.records) == 10  # the 1st, 2nd, 4th … 512th
