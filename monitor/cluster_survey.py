"""Samples of nodes, sets and regions, from heartbeats and the cluster map. Pure.

Figures of a silent node are its last ones; `atoll_node_up` says so. While heartbeats cannot be heard
nothing is said of anybody's health: no sample is not a bad sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import UNSET

from atoll.cluster import ClusterMap
from atoll.heartbeat import Heartbeat
from monitor.capacity import grouped, node_readings, set_readings, used_percent
from monitor.node_table import NodeRow
from monitor.sample import Sample, Subject, Survey

CLUSTER = Subject("cluster", "atoll")

# One row per figure of a heartbeat: the metric's name and how to read it; None: it does not say.
FIGURES: tuple[tuple[str, Callable[[Heartbeat], float | None]], ...] = (
    ("atoll_node_free_bytes", lambda b: b.bytes_free),
    ("atoll_node_total_bytes", lambda b: b.bytes_total),
    ("atoll_node_free_inodes", lambda b: None if b.inodes_free is UNSET else b.inodes_free),
    ("atoll_node_blobs", lambda b: b.blobs),
    ("atoll_node_load", lambda b: b.load),
    ("atoll_node_uploads_under_way", lambda b: b.uploads),
    ("atoll_node_outbox_events", lambda b: b.outbox),
    ("atoll_node_outbox_age_seconds", lambda b: b.outbox_age_ms / 1000),
    ("atoll_node_wanted_blobs", lambda b: b.wanted),
    ("atoll_node_quarantined_blobs", lambda b: b.quarantined),
    ("atoll_node_read_only", lambda b: b.read_only),
    ("atoll_node_scrub_progress_ratio", lambda b: b.scrub.progress if b.scrub else None),
    ("atoll_node_scrub_overdue_blobs", lambda b: b.scrub.overdue if b.scrub else None),
    ("atoll_node_scrub_bad_copies", lambda b: b.scrub.bad if b.scrub else None),
    ("atoll_node_unreadable_pictures", lambda b: b.scrub.unreadable if b.scrub else None),
)


def cluster_survey(rows: Sequence[NodeRow], cluster: ClusterMap) -> Survey:
    """All that heartbeats and map say."""
    samples = (*_nodes(rows), *_sets(rows, cluster), *_regions(rows), *_whole(rows, cluster))
    regions = {row.node.region for row in rows} | set(cluster.regions)
    sets = {row.node.set for row in rows} | set(cluster.sets)
    present = {CLUSTER, *(Subject("node", row.node.name) for row in rows)}
    present |= {Subject("set", name) for name in sets} | {Subject("region", name) for name in regions}
    return Survey(samples, frozenset(present), whole=bool(cluster.nodes))


def _nodes(rows: Iterable[NodeRow]) -> Iterator[Sample]:
    for row in rows:
        if row.state != "unknown":
            yield _of_node(row, "atoll_node_up", row.state == "healthy", row.reason)
        if row.beat is None:
            continue
        for metric, read in FIGURES:
            if (value := read(row.beat)) is not None:
                yield _of_node(row, metric, value)
        if row.heard_ms is not None:
            yield _of_node(row, "atoll_node_clock_offset_seconds", abs(row.beat.at - row.heard_ms) / 1000)
        if row.beat.bytes_total:
            used = used_percent(row.beat.bytes_total, row.beat.bytes_free) / 100
            yield _of_node(row, "atoll_node_used_ratio", round(used, 5))


def _of_node(row: NodeRow, metric: str, value: float, note: str = "") -> Sample:
    node = row.node
    return Sample(metric, Subject("node", node.name), float(value), node.region, node.set, note)


def _sets(rows: Sequence[NodeRow], cluster: ClusterMap) -> Iterator[Sample]:
    for name, members in grouped(rows, lambda row: row.node.set):
        known = [row for row in members if row.state != "unknown"]
        if len(known) == len(members):
            healthy = [row for row in members if row.state == "healthy"]
            yield _of_set("atoll_set_healthy", name, len(healthy) == len(members))
            yield _of_set("atoll_set_members", name, len(members))
            yield _of_set("atoll_set_healthy_members", name, len(healthy))
            yield _of_set("atoll_set_healthy_regions", name, len({row.node.region for row in healthy}))
        sealed = name in cluster.sets and cluster.sets[name].sealed
        yield _of_set("atoll_set_sealed", name, sealed)
    for reading in set_readings(node_readings(rows)):
        yield _of_set("atoll_set_used_ratio", reading.set, round(reading.used_percent / 100, 5))
        yield _of_set("atoll_set_free_bytes", reading.set, reading.bytes_free)


def _of_set(metric: str, name: str, value: float) -> Sample:
    return Sample(metric, Subject("set", name), float(value), set=name)


def _regions(rows: Sequence[NodeRow]) -> Iterator[Sample]:
    readings = dict(grouped(node_readings(rows), lambda reading: reading.region or ""))
    for name, members in grouped(rows, lambda row: row.node.region):
        subject = Subject("region", name)
        if all(row.state != "unknown" for row in members):
            healthy = sum(row.state == "healthy" for row in members)
            yield Sample("atoll_region_healthy_nodes", subject, float(healthy), name)
        own = readings.get(name, [])
        total, free = sum(r.bytes_total for r in own), sum(r.bytes_free for r in own)
        if total:
            used = round(used_percent(total, free) / 100, 5)
            yield Sample("atoll_region_used_ratio", subject, used, name)
            yield Sample("atoll_region_free_bytes", subject, float(free), name)


def _whole(rows: Sequence[NodeRow], cluster: ClusterMap) -> Iterator[Sample]:
    """Sets that take uploads: not sealed, and one healthy member that says it takes them."""
    if not rows or any(row.state == "unknown" for row in rows):
        return
    sealed = {name for name, s in cluster.sets.items() if s.sealed}
    writable = {row.node.set for row in rows if _takes_uploads(row) and row.node.set not in sealed}
    yield Sample("atoll_writable_sets", CLUSTER, float(len(writable)))


def _takes_uploads(row: NodeRow) -> bool:
    beat = row.beat
    ready = beat is not None and not beat.read_only and beat.state == "ready"
    return row.state == "healthy" and row.node.state == "active" and ready


def unheard(rows: Iterable[NodeRow]) -> frozenset[Subject]:
    """Nodes of which nothing can be said, and the sets and regions they belong to."""
    silent = [row.node for row in rows if row.state == "unknown"]
    places = {Subject("set", n.set) for n in silent} | {Subject("region", n.region) for n in silent}
    return frozenset({Subject("node", n.name) for n in silent} | places)
