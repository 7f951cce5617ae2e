"""What anti-entropy counts, as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class RepairFigures:
    """One attribute per metric."""

    def __init__(self, registry: CollectorRegistry) -> None:
        r = registry
        self.comparisons = Counter(
            "atoll_replicator_repair_comparisons_total",
            "Comparisons with a peer, by how they ended: equal, complete, incomplete, failed.",
            ["result"],
            registry=r,
        )
        self.bytes = Counter(
            "atoll_replicator_repair_compared_bytes_total",
            "Bytes of digests, items and states that comparisons moved.",
            registry=r,
        )
        self.found = Counter(
            "atoll_replicator_repair_found_total",
            "What was found missing here: tombstone, version, blob.",
            ["kind"],
            registry=r,
        )
        self.mended = Counter(
            "atoll_replicator_repair_mended_total",
            "Orders of repair, by what came of them: applied, known, stored, present, deleted, failed, "
            "full, refused.",
            ["result"],
            registry=r,
        )
        self.under_way = Gauge("atoll_replicator_repair_under_way", "Orders of repair now.", registry=r)
        self.allowed = Gauge(
            "atoll_replicator_repair_allowed", "How many there may be now, by the nodes' load.", registry=r
        )
        self.rest = Gauge(
            "atoll_replicator_repair_rest_seconds",
            "Between two orders of repair now; above 0 while a node stays busy.",
            registry=r,
        )
        self._lag = Gauge(
            "atoll_replicator_repair_lag_seconds",
            "Since all that the peer holds was last seen to be here; NaN before the first time.",
            ["region", "peer"],
            registry=r,
        )
        self._missing = Gauge(
            "atoll_replicator_repair_missing",
            "What the last comparison found missing and could not mend; NaN when there was none.",
            ["region", "peer"],
            registry=r,
        )
        self._progress = Gauge(
            "atoll_replicator_repair_progress",
            "How far the present walk is, 0 to 1; NaN between walks. A fresh node is filled in one walk.",
            ["region", "peer"],
            registry=r,
        )

    def watch(
        self,
        peer: str,
        region: str,
        lag: Callable[[], float],
        missing: Callable[[], float],
        progress: Callable[[], float],
    ) -> None:
        """Ask for these of a peer whenever the metrics are read."""
        self._lag.labels(region, peer).set_function(lag)
        self._missing.labels(region, peer).set_function(missing)
        self._progress.labels(region, peer).set_function(progress)

    def forget(self, peer: str, region: str) -> None:
        """It is no peer any more."""
        for gauge in (self._lag, self._missing, self._progress):
            gauge.remove(region, peer)

    def slots(
        self, under_way: Callable[[], int], allowed: Callable[[], int], rest: Callable[[], float]
    ) -> None:
        """Ask for these whenever the metrics are read."""
        self.rest.set_function(rest)
        self.under_way.set_function(under_way)
        self.allowed.set_function(allowed)
