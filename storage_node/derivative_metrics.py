"""What the delivery of derivatives counts, as `read_metrics` does: plain integers on the loop's thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storage_node.derivative_store import DerivativeStore
from storage_node.read_metrics import Served

SOURCES = ("ram", "disk", "peer", "rendered")


@dataclass(slots=True)
class DerivativeMetrics:
    """`renders`: by how they ended: done, refused (the picture's or the request's fault), overloaded, failed.

    `owner_asks`: how often another node was asked, by what came of it: given, refused, failed; after a
    failed one it was rendered here (`fallbacks`).
    """

    ram: Served = field(default_factory=Served)
    disk: Served = field(default_factory=Served)
    peer: Served = field(default_factory=Served)
    rendered: Served = field(default_factory=Served)
    to_peers: Served = field(default_factory=Served)
    renders: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("done", "refused", "overloaded", "failed"), 0)
    )
    owner_asks: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("given", "refused", "failed"), 0)
    )
    fallbacks: int = 0
    provisional: int = 0  # answers with the next best format while an AVIF is made
    background_dropped: int = 0  # AVIFs that found the queue full
    moved: int = 0  # redirects to the canonical URL
    bad: int = 0  # kept derivatives, or a peer's, whose bytes were wrong


class ServedDerivatives(Collector):
    """The counts as Prometheus metrics."""

    def __init__(self, counts: DerivativeMetrics) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        counts = self._counts
        yield from self._served()
        yield _labelled("renders", "Renderings, by how they ended.", "result", counts.renders)
        yield _labelled(
            "owner_asks", "Requests to owners, by what came of them.", "result", counts.owner_asks
        )
        for name, help_text, value in (
            ("fallbacks", "Rendered here because the owner did not answer.", counts.fallbacks),
            ("provisional", "Answers with another format while an AVIF is made.", counts.provisional),
            ("background_dropped", "AVIFs not made: too many wait.", counts.background_dropped),
            ("moved", "Redirects to the canonical URL.", counts.moved),
            ("bad", "Derivatives whose bytes were wrong.", counts.bad),
        ):
            yield CounterMetricFamily(f"atoll_node_derivative_{name}", help_text, value=value)

    def _served(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "atoll_node_derivatives", "Derivatives answered, by source of the bytes.", labels=["source"]
        )
        body = CounterMetricFamily(
            "atoll_node_derivatives_sent_bytes", "Bytes of their bodies.", labels=["source"]
        )
        for source in (*SOURCES, "to_peers"):
            served: Served = getattr(self._counts, source)
            requests.add_metric([source], served.requests)
            body.add_metric([source], served.bytes)
        yield requests
        yield body


class DerivativeCollector(ServedDerivatives):
    """The same, and the store's figures."""

    def __init__(self, counts: DerivativeMetrics, store: DerivativeStore) -> None:
        super().__init__(counts)
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        yield from super().collect()
        yield from self._kept()

    def _kept(self) -> Iterator[Metric]:
        usage = self._store.usage()
        yield GaugeMetricFamily("atoll_node_derivatives_kept", "Derivatives on disk.", value=usage.count)
        yield GaugeMetricFamily("atoll_node_derivatives_kept_bytes", "Their space.", value=usage.bytes)
        yield CounterMetricFamily(
            "atoll_node_derivative_evictions",
            "Derivatives that left the disk for others.",
            value=usage.evictions,
        )


def _labelled(name: str, help_text: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"atoll_node_derivative_{name}", help_text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
