"""The node's own measurements as Prometheus metrics. Read when somebody reads /metrics."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from storage_node.index import Counts
from storage_node.space import SpaceGuard


def node_gauges(
    registry: CollectorRegistry,
    counts: Callable[[], Counts],
    space: SpaceGuard,
    lag: Callable[[], float],
    load: Callable[[], float],
) -> None:
    """Register them. `lag`: seconds the last heartbeat was late; `load` as in the heartbeat."""
    facts: dict[str, tuple[str, Callable[[], float]]] = {
        "atoll_blobs": ("Blobs held.", lambda: counts().blobs),
        "atoll_blob_bytes": ("Bytes of blobs held.", lambda: counts().bytes),
        "atoll_outbox_depth": ("Events that wait for their stream.", lambda: counts().outbox),
        "atoll_wanted": ("Blobs that could not be pulled yet.", lambda: counts().wanted),
        "atoll_quarantined": ("Bad copies set aside.", lambda: counts().quarantined),
        "atoll_disk_bytes_total": ("Space this node may use.", lambda: space.total),
        "atoll_disk_bytes_free": ("Of it, free.", lambda: space.free),
        "atoll_heartbeat_late_seconds": ("How late the last heartbeat began.", lag),
        "atoll_load": ("Load as in the heartbeat, 0 to 1.", load),
    }
    for name, (doc, value) in facts.items():
        Gauge(name, doc, registry=registry).set_function(value)
