"""What the reading half tells Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from atoll.hedging import Hedger
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadCollector, ReadMetrics


def test_every_count_is_told() -> None:
    registry, counts = CollectorRegistry(), ReadMetrics()
    collector = ReadCollector(counts, RamCache(1000, 1000), Hedger(), registry)
    counts.ram.requests, counts.ram.bytes, counts.quarantined = 7, 700, 3
    collector.pull_seconds.observe(0.01)
    text = generate_latest(registry).decode()
    assert 'atoll_node_reads_total{source="ram"} 7.0' in text
    assert 'atoll_node_read_bytes_total{source="ram"} 700.0' in text
    assert 'atoll_node_reads_total{source="to_peers"} 0.0' in text
    assert "atoll_node_copies_quarantined_total 3.0" in text
    assert "atoll_node_pull_seconds_count 1.0" in text
    told = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    for name in (
        "reads_cut",
        "bad_copies",
        "bad_peer_bytes",
        "copies_repaired",
        "pulls_stored",
        "pulls_failed",
    ):
        assert f"atoll_node_{name}_total" in told
