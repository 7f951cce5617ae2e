"""The Grafana dashboards as a table of panels: what is drawn, from which figures. Pure.

`python -m monitor.deploy_files` writes them to deploy/grafana; a test sees that every figure is one that a
daemon exports.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Panel(NamedTuple):
    """One drawing: its title, Grafana's unit, and (expression, legend) of each line."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]


def _quantiles(metric: str, by: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            f"histogram_quantile({q}, sum by (le, {by}) (rate({metric}_bucket[$__rate_interval])))",
            f"p{q * 100:g} {{{{{by}}}}}",
        )
        for q in (0.5, 0.95, 0.99)
    )


def _rate(metric: str, by: str) -> tuple[tuple[str, str], ...]:
    return ((f"sum by ({by}) (rate({metric}[$__rate_interval]))", f"{{{{{by}}}}}"),)


def _plain(metric: str, label: str) -> tuple[tuple[str, str], ...]:
    return ((metric, f"{{{{{label}}}}}"),)


def _errors(metric: str) -> tuple[tuple[str, str], ...]:
    return ((f'sum by (route) (rate({metric}_count{{status=~"5.."}}[$__rate_interval]))', "{{route}}"),)


DASHBOARDS: dict[str, tuple[Panel, ...]] = {
    "cluster": (
        Panel("Broken rules", "short", (("atoll_alert_level", "{{rule}} {{name}}"),)),
        Panel("Nodes by state", "short", _plain("atoll_nodes", "state")),
        Panel("Used space of sets", "percentunit", _plain("atoll_set_used_ratio", "set")),
        Panel("Days to full", "d", (*_plain("atoll_set_days_to_full", "set"),
                                    *_plain("atoll_region_days_to_full", "region"))),
        Panel("Requests to the API", "reqps", _rate("atoll_query_request_seconds_count", "route")),
        Panel("Errors of the API", "reqps", _errors("atoll_query_request_seconds")),
        Panel("Time to answer", "s", _quantiles("atoll_query_request_seconds", "route")),
        Panel("Look-ups by where they were found", "reqps", _rate("atoll_lookups_total", "where")),
        Panel("Canaries", "short", (("atoll_canary_ok", "{{from}} → {{to}}"),)),
        Panel("Engines", "percentunit", _plain("atoll_engine_up_ratio", "engine")),
    ),
    "node": (
        Panel("Used space", "percentunit", _plain("atoll_node_used_ratio", "node")),
        Panel("Days to full", "d", _plain("atoll_node_days_to_full", "node")),
        Panel("Load", "percentunit", _plain("atoll_node_load", "node")),
        Panel("CPU seconds a second", "short", _rate("process_cpu_seconds_total", "instance")),
        Panel("Requests", "reqps", _rate("atoll_node_request_seconds_count", "route")),
        Panel("Errors", "reqps", _errors("atoll_node_request_seconds")),
        Panel("Time to answer (not from memory)", "s", _quantiles("atoll_node_request_seconds", "route")),
        Panel("Time to answer from memory", "s", _quantiles("atoll_node_memory_read_seconds", "kind")),
        Panel("Memory", "bytes", _plain("process_resident_memory_bytes", "instance")),
        Panel("Open files", "short", _plain("process_open_fds", "instance")),
        Panel("Events that wait", "short", _plain("atoll_node_outbox_events", "node")),
        Panel("Age of the oldest of them", "s", _plain("atoll_node_outbox_age_seconds", "node")),
        Panel("Bad copies in quarantine", "short", _plain("atoll_node_quarantined_blobs", "node")),
        Panel("Scrub: overdue", "short", _plain("atoll_node_scrub_overdue_blobs", "node")),
        Panel("Free inodes", "short", _plain("atoll_node_free_inodes", "node")),
        Panel("Clock", "s", _plain("atoll_node_clock_offset_seconds", "node")),
    ),
    "replication": (
        Panel("From 201 to durable here", "s", _quantiles("atoll_replicator_lag_seconds", "region")),
        Panel("Backlog of consumers", "short", _plain("atoll_consumer_pending", "engine")),
        Panel("Age of the oldest event not done", "s", _plain("atoll_consumer_lag_seconds", "engine")),
        Panel("Pulls by result", "ops", _rate("atoll_replicator_pulls_total", "result")),
        Panel("Bytes pulled", "Bps", _rate("atoll_replicator_pulled_bytes_total", "instance")),
        Panel("Since all that peers hold was held", "s", _plain("atoll_node_repair_lag_seconds", "node")),
        Panel("Wanted blobs", "short", _plain("atoll_node_wanted_blobs", "node")),
        Panel("Indexer lag", "s", _quantiles("atoll_indexer_lag_seconds", "instance")),
        Panel("Streams", "percentunit", _plain("atoll_stream_used_ratio", "engine")),
    ),
    "images": (
        Panel("Uploads by result", "ops", _rate("atoll_uploads_total", "result")),
        Panel("Bytes uploaded", "Bps", _rate("atoll_upload_bytes_total", "instance")),
        Panel("Reads by source", "reqps", _rate("atoll_node_reads_total", "source")),
        Panel("Bytes read", "Bps", _rate("atoll_node_read_bytes_total", "source")),
        Panel("Memory cache", "bytes", _plain("atoll_node_ram_bytes", "instance")),
        Panel("Derivatives kept", "short", _plain("atoll_node_derivatives_kept", "instance")),
        Panel("Their space", "bytes", _plain("atoll_node_derivatives_kept_bytes", "instance")),
        Panel("Blobs", "short", _plain("atoll_node_blobs", "node")),
    ),
}  # fmt: skip


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard as Grafana imports it."""
    return {
        "title": f"Atoll: {name}",
        "uid": f"atoll-{name}",
        "schemaVersion": 39,
        "tags": ["atoll"],
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [_panel(number, panel) for number, panel in enumerate(DASHBOARDS[name])],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": expr, "legendFormat": legend}
            for index, (expr, legend) in enumerate(panel.lines)
        ],
    }
