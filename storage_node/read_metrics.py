"""What the reading half counts. Plain integers, changed on the loop's thread only.

A prometheus counter takes a lock for each increment, which the hot path would feel; here the numbers
become metrics only when somebody reads /metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.hedging import Hedger
from atoll.metrics import LATENCY_BUCKETS
from storage_node.ram_cache import RamCache


@dataclass(slots=True)
class Served:
    """Answers of one kind, and the bytes of their bodies."""

    requests: int = 0
    bytes: int = 0


@dataclass(slots=True)
class ReadMetrics:
    """The counts. `ram`, `disk`, `peer`: where the bytes came from; `miss`: asked for and not served."""

    ram: Served = field(default_factory=Served)
    disk: Served = field(default_factory=Served)
    peer: Served = field(default_factory=Served)
    miss: Served = field(default_factory=Served)
    to_peers: Served = field(default_factory=Served)  # through the internal API
    handed: Served = field(default_factory=Served)  # left to the web server before the node (hand_over.py)
    cut: int = 0  # answers broken off after their headers had gone out
    bad_copies: int = 0  # own copies that failed verification
    bad_peer_bytes: int = 0  # peers' answers that failed verification
    quarantined: int = 0
    repaired: int = 0
    pulls_stored: int = 0
    pulls_failed: int = 0


class ReadCollector(Collector):
    """The counts as Prometheus metrics, and the histogram of pulls."""

    def __init__(
        self, counts: ReadMetrics, ram: RamCache, hedger: Hedger, registry: CollectorRegistry
    ) -> None:
        self._counts, self._ram, self._hedger = counts, ram, hedger
        self.pull_seconds = Histogram(
            "atoll_node_pull_seconds",
            "From a pull's start to its blob being durable.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        yield from self._served()
        counts = self._counts
        for name, help_text, value in (
            ("reads_cut", "Answers broken off in the middle.", counts.cut),
            ("bad_copies", "Own copies that failed verification.", counts.bad_copies),
            ("bad_peer_bytes", "Peers' bytes that failed verification.", counts.bad_peer_bytes),
            ("copies_quarantined", "Bad copies put into quarantine.", counts.quarantined),
            ("copies_repaired", "Bad copies replaced from a peer.", counts.repaired),
            ("pulls_stored", "Blobs pulled and stored.", counts.pulls_stored),
            ("pulls_failed", "Pulls that no source could satisfy.", counts.pulls_failed),
            ("peer_requests", "Requests to peers, second ones not counted.", self._hedger.budget.requests),
            ("peer_hedges", "Second requests, made when a peer was silent.", self._hedger.budget.hedges),
            ("peer_hedges_won", "Of them, those that answered first.", self._hedger.wins),
            ("ram_evictions", "Blobs that left the RAM cache for others.", self._ram.evictions),
        ):
            yield CounterMetricFamily(f"atoll_node_{name}", help_text, value=value)
        yield GaugeMetricFamily("atoll_node_ram_bytes", "RAM cache in use.", value=self._ram.used_bytes)
        yield GaugeMetricFamily("atoll_node_ram_blobs", "Blobs in RAM.", value=len(self._ram.entries))

    def _served(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("atoll_node_reads", "Reads by source of the bytes.", labels=["source"])
        body = CounterMetricFamily("atoll_node_read_bytes", "Bytes of bodies.", labels=["source"])
        for source in ("ram", "disk", "peer", "miss", "to_peers", "handed"):
            served: Served = getattr(self._counts, source)
            requests.add_metric([source], served.requests)
            body.add_metric([source], served.bytes)
        yield requests
        yield body
