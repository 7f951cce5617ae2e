"""The settings of a replicator."""

from __future__ import annotations

from dataclasses import dataclass

from atoll import names
from atoll.daemon_settings import DaemonSettings
from atoll.node_api import MAX_PULLS_TOGETHER
from atoll.settings import setting


@dataclass(frozen=True, kw_only=True)
class ReplicatorSettings(DaemonSettings):
    """What a replicator needs beyond what every daemon has. The node's set and URL are in the cluster map."""

    node: str = setting(
        "The storage node this replicator serves, by its name in the cluster map.", check=names.check_node
    )

    parallel_pulls: int = setting("Orders to pull that are under way at once.", default=8, low=1, high=256)
    pulls_together: int = setting(
        "Images of up to 256 KiB in one order, when that many wait; max_pulls bounds what the node does.",
        default=16,
        low=1,
        high=MAX_PULLS_TOGETHER,
    )
    company_seconds: float = setting(
        "While an order of small images is under way, those that come wait for its answer, and go in the next"
        " together; but no order is waited for when it is older than this. 0: none waits.",
        default=0.06,
        low=0,
        high=10,
    )
    window: int = setting(
        "Messages held per source region, waiting or under way; the newest and smallest go first.",
        default=256,
        low=1,
        high=4096,
    )
    pull_seconds: float = setting(
        "Longest time the node may take for one pull, all its sources together.", default=120.0, low=1
    )
    fresh_seconds: float = setting(
        "An upload younger than this is pulled from where it was made: others may not have it yet. In a rush"
        " they get it late, and asking them in vain would make it later still.",
        default=30.0,
        low=0,
    )

    retries: int = setting(
        "How often a pull that no source could serve is tried again before the node notes it as wanted.",
        default=5,
        low=0,
        high=100,
    )
    retry_first_seconds: float = setting(
        "Delay before the first retry; doubles each time.", default=0.5, low=0.01
    )
    retry_cap_seconds: float = setting("Longest delay before a retry.", default=30.0, low=0.01)
    node_probe_seconds: float = setting(
        "How often the node is asked whether it is back, while it is away.", default=0.5, low=0.01
    )

    wanted_seconds: float = setting(
        "How often the node is asked for wanted blobs that are due again.", default=5.0, low=0.05
    )
    wanted_batch: int = setting(
        "Wanted blobs ordered at once, behind everything fresh.", default=256, low=1, high=1000
    )
    backlog_seconds: float = setting(
        "How often each region's stream is asked how many messages wait.", default=5.0, low=0.05
    )

    repair_seconds: float = setting(
        "How often the node is compared with each peer of its set, in seconds.", default=10.0, low=0.05
    )
    repair_grace_seconds: float = setting(
        "An upload younger than this is left to its stream by the comparison.", default=10.0, low=0
    )
    repair_parallel: int = setting(
        "Pulls and tombstones that repair may have under way at once while the node is not busy, beside those"
        " of uploads.",
        default=6,
        low=1,
        high=255,
    )
    repair_parallel_most: int = setting(
        "The same while the node and its source are idle (repair_idle_load): one more each second up to so"
        " many, one fewer when they are not. With parallel_pulls it should stay below three quarters of the"
        " node's max_pulls. Not above repair_parallel: always that many.",
        default=24,
        low=1,
        high=255,
    )
    repair_idle_load: float = setting(
        "Load of the busier of both nodes (0 to 1, repair's own work included) below which they are idle.",
        default=0.5,
        low=0,
        high=1,
    )
    repair_bytes_per_second: int = setting(
        "Most bytes that repair orders a second, as a mean.", default=64 * 2**20, low=1024
    )
    repair_busy_load: float = setting(
        "Load of the node (0 to 1, as in its heartbeat) from which on repair steps back.",
        default=0.8,
        low=0.01,
    )
