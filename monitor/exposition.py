"""The monitor's figures for Prometheus, made anew at every scrape: no gauge can be left behind by a node
that is gone. Figures of a silent node are its last; `atoll_node_up` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.cluster_map import LiveClusterMap
from atoll.heartbeat import Heartbeat
from monitor.alert_book import AlertBook
from monitor.capacity import node_readings, set_readings
from monitor.heartbeats import HeartbeatListener
from monitor.hysteresis import LEVELS
from monitor.node_table import NodeRow
from monitor.views import SET_STATES, STATES, count_states, set_views
from monitor.watch import Watch

_NODE_LABELS = ["node", "region", "set"]

# One row per figure of a heartbeat: its name, what it means, how to read it.
_FIGURES: tuple[tuple[str, str, Callable[[Heartbeat], float]], ...] = (
    ("free_bytes", "Free space in bytes.", lambda b: b.bytes_free),
    ("total_bytes", "Space in all, in bytes.", lambda b: b.bytes_total),
    ("blobs", "Blobs held.", lambda b: b.blobs),
    ("load", "0 is idle, 1 saturated.", lambda b: b.load),
    ("outbox_events", "Events that wait to be published.", lambda b: b.outbox),
    (
        "outbox_age_seconds",
        "Age of the oldest event that waits, in seconds.",
        lambda b: b.outbox_age_ms / 1000,
    ),
    ("wanted_blobs", "Blobs of its set that the node still lacks.", lambda b: b.wanted),
    ("quarantined_blobs", "Bad copies in quarantine.", lambda b: b.quarantined),
    ("read_only", "1 while the node takes no uploads.", lambda b: b.read_only),
)


class MonitorCollector(Collector):
    """Registered once; `collect` reads the live tables."""

    def __init__(
        self,
        watch: Watch,
        book: AlertBook,
        cluster_map: LiveClusterMap,
        heartbeats: HeartbeatListener,
        connected: Callable[[], bool],
        unsent: Callable[[], int],
    ) -> None:
        self._watch, self._book, self._map, self._heartbeats = watch, book, cluster_map, heartbeats
        self._connected, self._unsent = connected, unsent

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not read tables that are still being built."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All families of one scrape."""
        rows = self._watch.rows()
        yield from _node_families(rows)
        yield from self._cluster_families(rows)
        yield from self._own_families()

    def _cluster_families(self, rows: Sequence[NodeRow]) -> Iterator[Metric]:
        sets = set_views(rows, self._map.current)
        yield _by_state("atoll_nodes", "Nodes by state.", count_states((r.state for r in rows), STATES))
        yield _by_state("atoll_sets", "Sets by state.", count_states((s.state for s in sets), SET_STATES))
        healthy = GaugeMetricFamily("atoll_set_healthy", "1 if all members are healthy.", labels=["set"])
        used = GaugeMetricFamily("atoll_set_used_ratio", "Use of the fullest member, 0 to 1.", labels=["set"])
        for view in sets:
            healthy.add_metric([view.name], view.state == "healthy")
        for reading in set_readings(node_readings(rows)):
            used.add_metric([reading.set], reading.used_percent / 100)
        yield from (healthy, used)

    def _own_families(self) -> Iterator[Metric]:
        level = GaugeMetricFamily(
            "atoll_capacity_alert_level", "Standing alerts: 1 warning, 2 critical.", labels=["scope", "name"]
        )
        for alert in self._book.standing:
            level.add_metric([alert.scope, alert.name], LEVELS.index(alert.level))
        refused = CounterMetricFamily(
            "atoll_monitor_heartbeats_refused", "Heartbeats not believed.", labels=["reason"]
        )
        for reason, count in self._heartbeats.refused.items():
            refused.add_metric([reason], count)
        yield from (level, refused)
        yield CounterMetricFamily(
            "atoll_monitor_heartbeats", "Heartbeats believed.", value=self._heartbeats.taken
        )
        yield CounterMetricFamily(
            "atoll_cluster_map_bad_entries", "Map entries refused.", value=self._map.bad_entries
        )
        yield GaugeMetricFamily(
            "atoll_monitor_alerts_unsent", "Alerts that wait for NATS.", value=self._unsent()
        )
        yield GaugeMetricFamily("atoll_nats_connected", "1 while NATS is connected.", value=self._connected())


def _node_families(rows: Sequence[NodeRow]) -> Iterator[Metric]:
    up = GaugeMetricFamily("atoll_node_up", "1 while the node is healthy.", labels=_NODE_LABELS)
    for row in rows:
        up.add_metric(_labels(row), row.state == "healthy")
    yield up
    used = GaugeMetricFamily("atoll_node_used_ratio", "Used space, 0 to 1.", labels=_NODE_LABELS)
    for reading in node_readings(rows):
        used.add_metric([reading.subject.name, reading.region or "", reading.set], reading.used_percent / 100)
    yield used
    for name, text, read in _FIGURES:
        family = GaugeMetricFamily(f"atoll_node_{name}", text, labels=_NODE_LABELS)
        for row in rows:
            if row.beat:
                family.add_metric(_labels(row), read(row.beat))
        yield family


def _labels(row: NodeRow) -> list[str]:
    return [row.node.name, row.node.region, row.node.set]


def _by_state(name: str, text: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], count)
    return family
