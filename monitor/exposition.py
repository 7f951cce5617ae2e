"""The monitor's figures for Prometheus, made anew at every scrape: no gauge can be left behind by a node
that is gone. Figures of a silent node are its last; `atoll_node_up` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.cluster_map import LiveClusterMap
from monitor.alert_post import AlertPost
from monitor.health import Health
from monitor.heartbeats import HeartbeatListener
from monitor.levels import LEVELS
from monitor.metric_table import MEANINGS
from monitor.node_table import NodeRow
from monitor.sample import Sample
from monitor.views import SET_STATES, STATES, count_states, set_views
from monitor.watch import Watch

PLAIN = frozenset({"atoll_nats_connected", "atoll_writable_sets"})  # there is only one of each


class MonitorCollector(Collector):
    """Registered once; `collect` reads the live tables."""

    def __init__(
        self,
        watch: Watch,
        cluster_map: LiveClusterMap,
        heartbeats: HeartbeatListener,
        health: Health,
        posts: Sequence[AlertPost],
        leads: Callable[[], bool],
    ) -> None:
        self._watch, self._map, self._heartbeats = watch, cluster_map, heartbeats
        self._health, self._posts, self._leads = health, posts, leads

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not read tables that are still being built."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All families of one scrape."""
        rows = self._watch.rows()
        yield from sample_families(self._health.measure().samples)
        yield from self._judged_families()
        yield from self._cluster_families(rows)
        yield from self._own_families()

    def _cluster_families(self, rows: Sequence[NodeRow]) -> Iterator[Metric]:
        sets = set_views(rows, self._map.current)
        yield _by_state("atoll_nodes", "Nodes by state.", count_states((r.state for r in rows), STATES))
        yield _by_state("atoll_sets", "Sets by state.", count_states((s.state for s in sets), SET_STATES))

    def _judged_families(self) -> Iterator[Metric]:
        """What the rules make of the samples."""
        firing = GaugeMetricFamily(
            "atoll_alert_level", "Broken rules: 1 warning, 2 critical.", labels=["rule", "scope", "name"]
        )
        for condition in self._health.book.standing:
            firing.add_metric(
                [condition.rule, condition.scope, condition.name], LEVELS.index(condition.level)
            )
        yield firing
        tally = Counter((view.scope, view.state) for view in self._health.view())
        states = GaugeMetricFamily("atoll_states", "Subjects by scope and state.", labels=["scope", "state"])
        for (scope, state), count in sorted(tally.items()):
            states.add_metric([scope, state], count)
        yield states

    def _own_families(self) -> Iterator[Metric]:
        refused = CounterMetricFamily(
            "atoll_monitor_heartbeats_refused", "Heartbeats not believed.", labels=["reason"]
        )
        for reason, count in self._heartbeats.refused.items():
            refused.add_metric([reason], count)
        yield refused
        yield CounterMetricFamily(
            "atoll_monitor_heartbeats", "Heartbeats believed.", value=self._heartbeats.taken
        )
        yield CounterMetricFamily(
            "atoll_cluster_map_bad_entries", "Map entries refused.", value=self._map.bad_entries
        )
        yield GaugeMetricFamily("atoll_monitor_leads", "1 while this monitor leads.", value=self._leads())
        sent = CounterMetricFamily("atoll_monitor_alerts_sent", "Alerts told.", labels=["channel"])
        failed = CounterMetricFamily("atoll_monitor_alert_failures", "Messages not sent.", labels=["channel"])
        for post in self._posts:
            view = post.view()
            sent.add_metric([view.name], view.sent)
            failed.add_metric([view.name], view.failures)
        yield from (sent, failed)


def sample_families(samples: Iterable[Sample]) -> Iterator[Metric]:
    """One gauge per metric that has samples."""
    families: dict[str, GaugeMetricFamily] = {}
    for sample in samples:
        labels = sample.labels if sample.metric not in PLAIN else {}
        if sample.metric not in families:
            families[sample.metric] = GaugeMetricFamily(
                sample.metric, MEANINGS[sample.metric], labels=list(labels)
            )
        families[sample.metric].add_metric(list(labels.values()), sample.value)
    yield from families.values()


def _by_state(name: str, text: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], count)
    return family
