"""What all parts of the monitor stand on, and what is heard of the nodes. Made by app.py, which owns it."""

from __future__ import annotations

from typing import NamedTuple

from atoll.api_keys import ApiKeys
from atoll.bus import Bus
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.hearing import Hearing
from atoll.signing import Keys
from monitor.clock import SystemClock
from monitor.node_table import NodeTable
from monitor.settings import MonitorSettings
from monitor.watch import Watch


class Ground(NamedTuple):
    """Settings, secrets, time, the courier and the map."""

    settings: MonitorSettings
    keys: Keys
    api_keys: ApiKeys
    clock: SystemClock
    bus: Bus
    cluster: LiveClusterMap

    def current(self) -> ClusterMap:
        """The map as it is now."""
        return self.cluster.current


class Sight(NamedTuple):
    """Who was heard when, and what that says of the nodes."""

    table: NodeTable
    hearing: Hearing
    watch: Watch

    def hears(self) -> bool:
        """Whether heartbeats would be heard now."""
        return self.hearing.hears
