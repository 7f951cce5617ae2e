"""The one table of what alarms: each row a figure, its thresholds, and what a person does about it. Pure.

The monitor judges by it; deploy/prometheus/atoll.rules.yml and the table in docs/monitor.md are made from it
(prometheus_rules.py), so none of the three can say something else than the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from monitor.levels import Level
from monitor.limits import Limits
from monitor.sample import Scope

Side = Literal["above", "below"]


@dataclass(frozen=True)
class Rule:
    """`above`: a level begins at its threshold (≥); `below`: under it (<). None: there is no such level.

    It ends `clear` beyond the threshold. Both need time: `for_seconds` to begin, `keep_seconds` to end.
    `covered_by`: while that rule stands for the same region, this one is told with it and not apart.
    """

    name: str
    metric: str
    scope: Scope
    side: Side
    warning: float | None
    critical: float | None
    what: str
    todo: str
    clear: float = 0.0
    for_seconds: float = 0.0
    keep_seconds: float = 5.0
    covered_by: str | None = None

    def threshold(self, level: Level) -> float | None:
        """Where `level` begins."""
        return {"ok": None, "warning": self.warning, "critical": self.critical}[level]


# What may be set in the settings, by the rule's name: see `with_limits`.
_FREE = "Add nodes (docs/monitor.md), seal the set, or delete what is not needed (`atoll rm`)."
_LOGS = "Look at its log and its disk; then start it again or replace it (`atoll node replace`)."

RULES: tuple[Rule, ...] = (
    Rule("region_silent", "atoll_region_healthy_nodes", "region", "below", None, 1,
         "no node of region {name} is healthy",
         "See whether the region's network and machines are up; readers are sent to other regions meanwhile.",
         for_seconds=5, keep_seconds=10),
    Rule("node_silent", "atoll_node_up", "node", "below", None, 1, "node {name} is not healthy: {note}",
         _LOGS, for_seconds=2, keep_seconds=10, covered_by="region_silent"),
    Rule("no_writable_set", "atoll_writable_sets", "cluster", "below", None, 1,
         "no set takes uploads", "Add nodes, or unseal a set that has room (`atoll set unseal NAME`).",
         for_seconds=5),
    Rule("set_down", "atoll_set_healthy_members", "set", "below", None, 1,
         "set {name} has no healthy member: its images cannot be read", _LOGS, for_seconds=3,
         keep_seconds=10),
    Rule("set_one_region", "atoll_set_healthy_regions", "set", "below", 2, None,
         "healthy members of set {name} stand in {value:.0f} region(s): one more loss costs readers or data",
         "Bring the missing members back, or add one in another region.", for_seconds=5, keep_seconds=10),
    Rule("nats", "atoll_nats_connected", "engine", "below", None, 1,
         "NATS does not bring the monitor what is sent: {note}",
         "Bring NATS back; uploads go on, replication waits.", for_seconds=3),
    Rule("engine", "atoll_engine_up_ratio", "engine", "below", 1, 0.01,
         "{name} is away for query services: {note}",
         "Bring it back; handles and cached look-ups are answered meanwhile.", for_seconds=5),
    Rule("capacity", "atoll_node_used_ratio", "node", "above", 0.80, 0.92,
         "node {name} is {value:.1%} full", _FREE, clear=0.03),
    Rule("set_capacity", "atoll_set_used_ratio", "set", "above", 0.80, 0.92,
         "set {name} is {value:.1%} full (its fullest member)", _FREE, clear=0.03),
    Rule("region_capacity", "atoll_region_used_ratio", "region", "above", 0.80, 0.92,
         "region {name} is {value:.1%} full", _FREE, clear=0.03),
    Rule("days_to_full", "atoll_node_days_to_full", "node", "below", 14, 3,
         "node {name} will be full in {days} ({note})", _FREE, clear=1, for_seconds=30,
         keep_seconds=60),
    Rule("set_days_to_full", "atoll_set_days_to_full", "set", "below", 14, 3,
         "set {name} will be full in {days} ({note})", _FREE, clear=1, for_seconds=30,
         keep_seconds=60),
    Rule("region_days_to_full", "atoll_region_days_to_full", "region", "below", 14, 3,
         "region {name} will be full in {days} ({note})", _FREE, clear=1, for_seconds=30,
         keep_seconds=60),
    Rule("launch", "atoll_region_launch_trouble", "region", "above", 1, 2,
         "a node for region {name} could not be started: {note}",
         "Look at the provider; then `atoll scale retry NAME` or `atoll scale forget NAME`."),
    Rule("growth_blocked", "atoll_region_growth_blocked", "region", "above", 1, None,
         "region {name} should grow and may not: {note}",
         "See `atoll scale explain`; raise the maximum or the budget, or delete what is not needed.",
         for_seconds=60, keep_seconds=10),
    Rule("leave", "atoll_region_leave_trouble", "region", "above", 1, 2,
         "a node of region {name} does not leave as it should: {note}",
         "See `atoll scale explain`; then `atoll scale retry NAME` or `atoll scale forget NAME`.",
         for_seconds=30),
    Rule("read_only", "atoll_node_read_only", "node", "above", None, 1,
         "node {name} takes no uploads: its disk is at its reserve, or read-only", _FREE, for_seconds=5),
    Rule("inodes", "atoll_node_free_inodes", "node", "below", 100_000, 10_000,
         "node {name} has {value:.0f} inodes left", "Make a file system with more inodes; " + _FREE,
         clear=5_000),
    Rule("clock", "atoll_node_clock_offset_seconds", "node", "above", 2, 15,
         "the clock of node {name} is {value:.1f} s from this one's",
         "Start time synchronisation (chrony) there: from 30 s on signatures and heartbeats are refused.",
         clear=0.5, for_seconds=10),
    Rule("outbox_age", "atoll_node_outbox_age_seconds", "node", "above", 60, 600,
         "an event of node {name} has waited {value:.0f} s for its stream",
         "See whether the region's NATS answers and has room; uploads are safe, others hear of them late.",
         clear=10, for_seconds=5),
    Rule("saturated", "atoll_node_load", "node", "above", 0.95, None,
         "node {name} is saturated (load {value:.2f})", "Add nodes to the region, or spread its readers.",
         clear=0.15, for_seconds=300, keep_seconds=60),
    Rule("wanted", "atoll_node_wanted_blobs", "node", "above", 1, None,
         "node {name} lacks {value:.0f} blobs that no source could give it",
         "Ask `atoll verify` which; bring the nodes that hold them back.", for_seconds=300, keep_seconds=30),
    Rule("quarantine", "atoll_node_quarantined_blobs", "node", "above", 1, 100,
         "node {name} holds {value:.0f} bad copies in quarantine",
         "They are repaired from peers; look at the disk (smartctl) and replace it if more come."),
    Rule("scrub_overdue", "atoll_node_scrub_overdue_blobs", "node", "above", 1, None,
         "node {name} has not read {value:.0f} blobs within its scrub period",
         "Raise scrub_max_rate or scrub_seconds; see `atoll scrub`.", for_seconds=600, keep_seconds=60),
    Rule("unreadable", "atoll_node_unreadable_pictures", "node", "above", 1, None,
         "node {name} holds {value:.0f} pictures that are as uploaded and cannot be decoded",
         "See `atoll scrub` for which; upload them again from the original."),
    Rule("repair_lag", "atoll_node_repair_lag_seconds", "node", "above", 600, 7200,
         "node {name} last held all that its peers hold {value:.0f} s ago ({note})",
         "See /health of its replicator; a peer that cannot be asked is named there.", clear=60,
         for_seconds=30),
    Rule("stream", "atoll_stream_up", "engine", "below", None, 1, "stream {name} cannot be asked: {note}",
         "See whether the region's JetStream answers (`nats stream info`).", for_seconds=15),
    Rule("stream_full", "atoll_stream_used_ratio", "engine", "above", 0.8, 0.95,
         "stream {name} has used {value:.0%} of its bytes: its oldest events are dropped at 100 %",
         "See which consumer lags; anti-entropy mends what a stream loses.", clear=0.05),
    Rule("consumer_lag", "atoll_consumer_lag_seconds", "engine", "above", 60, 900,
         "the oldest event that {name} has not done is {value:.0f} s old",
         "See whether its daemon runs, and what it says of its node or of MongoDB.", clear=10,
         for_seconds=10),
    Rule("consumer_backlog", "atoll_consumer_pending", "engine", "above", 10_000, 200_000,
         "{value:.0f} events wait for {name}",
         "See whether its daemon runs and how fast it goes; add query services if it is the indexer.",
         clear=1_000, for_seconds=60),
    Rule("service", "atoll_service_up", "service", "below", None, 1, "{name} does not answer: {note}",
         "Look at its log and start it again.", for_seconds=5),
    Rule("parked", "atoll_service_parked_messages", "service", "above", 1, None,
         "{name} ({note}) has put {value:.0f} messages aside that it can never understand",
         "Read them on atoll.<region>.parked.>; a newer version may be writing what this one cannot read."),
    Rule("canary", "atoll_canary_ok", "path", "below", 1, None, "the canary {name} did not come: {note}",
         "Try it by hand: `atoll upload`, then `atoll url --region`.", for_seconds=90, keep_seconds=1),
    Rule("canary_old", "atoll_canary_missed_rounds", "path", "above", 3, None,
         "nobody has looked for the canary {name} for {value:.0f} rounds",
         "See the monitor's log: its key may be revoked, or no query service of canary_urls answers.",
         clear=1),
    Rule("monitor_silent", "atoll_monitor_up", "monitor", "below", 1, None,
         "monitor {name} is silent; this one goes on alone", "Start it again: one monitor is no watchdog.",
         for_seconds=5),
    Rule("undelivered", "atoll_monitor_undelivered_seconds", "channel", "above", 60, 900,
         "alerts have waited {value:.0f} s for channel {name}: {note}",
         "Look at the channel's URL and secret (alert_channels_file), and at the network to it."),
)  # fmt: skip

BY_NAME = {rule.name: rule for rule in RULES}


def with_limits(limits: Limits) -> tuple[Rule, ...]:
    """The table with the operator's thresholds in it."""
    return tuple(_limited(rule, limits) for rule in RULES)


def _limited(rule: Rule, limits: Limits) -> Rule:
    if rule.metric.endswith("_used_ratio") and rule.scope != "engine":
        return replace(rule, warning=limits.warning, critical=limits.critical, clear=limits.clear)
    if rule.metric.endswith("_days_to_full"):
        return replace(rule, warning=limits.warning_days, critical=limits.critical_days)
    return rule
