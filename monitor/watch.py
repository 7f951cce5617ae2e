"""Every node as it is now, judged by whether heartbeats can be heard at all."""

from __future__ import annotations

from collections.abc import Callable

from atoll.cluster_map import LiveClusterMap
from monitor.node_table import NodeRow, NodeTable


class Watch:
    """What everything else in the monitor asks for nodes."""

    def __init__(self, hears: Callable[[], bool], cluster_map: LiveClusterMap, table: NodeTable) -> None:
        self._hears, self._map, self._table = hears, cluster_map, table

    def rows(self) -> list[NodeRow]:
        """Every node of the map, and those lately heard that are not in it."""
        if not self._hears():
            self._table.deaf()
        return self._table.rows(self._map.current)
