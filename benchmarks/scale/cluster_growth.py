"""Clusters of 30 to 1,000 nodes: tickets, resolving, heartbeats, and what is done for the whole map.

What is done once for all nodes – a view of the cluster, a look of the monitor, a changed map – is told for
each node: flat means that all of it grows with the number of nodes and not with its square.
"""

from __future__ import annotations

import asyncio
import random
from itertools import cycle, islice
from typing import Any, cast

from msgspec.structs import replace

from atoll.model import Node
from benchmarks.context import Context
from benchmarks.scale.cluster import (
    BUCKET,
    Place,
    assets,
    clients,
    map_change,
    messages,
    sized,
)
from benchmarks.scale.cpu import Cpu
from benchmarks.scale.growth import Growth, growth
from monitor.clock import SystemClock
from monitor.cluster_survey import cluster_survey
from monitor.heartbeats import HeartbeatListener
from monitor.node_table import NodeTable
from query_service.health_watch import HealthWatch
from query_service.wire import UploadOrder

NODES = (30, 99, 300, 999)  # in sets of three: 333 sets at most
TICKETS, RESOLVES, BEATS, LOOKS = 2000, 4000, 6000, 20
_NOBODY = cast(Any, None)  # no session, no bus: nothing here is sent

PLACE = "an upload's ticket, with the choice of its node"
RESOLVE = "resolving what is in memory"
BEAT_QUERY = "a heartbeat in a query service"
BEAT_MONITOR = "a heartbeat in the monitor"
VIEW = "a new view of the cluster with its writable sets, for each node"
LOOK = "the monitor's look at nodes, sets and regions, for each node"
CHANGE = "a changed entry of the map, in each daemon"

_FOUND = dict[str, dict[int, list[float]]]


async def run(ctx: Context) -> list[Growth]:
    """Every size, round after round."""
    found: _FOUND = {name: {n: [] for n in NODES} for name in _MEASURES}
    for _ in ctx.each_round("clusters of 30 to 999 nodes"):
        for nodes in NODES:
            place = sized(nodes)
            for name, measure in _MEASURES.items():
                found[name][nodes].append(await asyncio.to_thread(measure, place))
    return [growth(name, "nodes", each, flat=name != CHANGE) for name, each in found.items()]


def _tickets(place: Place) -> float:
    order = UploadOrder(BUCKET)
    place.office.issue(order, clients(1)[0])  # the view is there
    return Cpu().each(lambda position: place.office.issue(order, position), clients(TICKETS))


def _resolves(place: Place) -> float:
    return Cpu().each(lambda each: place.resolver.asset(*each), assets(place, RESOLVES))


def _beats_in_query_service(place: Place) -> float:
    watch = HealthWatch(place.health, lambda: place.cluster, place.keys, _NOBODY, lambda: None, lambda: 0.0)
    beats = list(islice(cycle(messages(place)), BEATS))
    return asyncio.run(Cpu().each_awaited(watch.heard, beats))


def _beats_in_monitor(place: Place) -> float:
    clock = SystemClock()
    listener = HeartbeatListener(cast(Any, _Deaf()), place.keys, NodeTable(clock), clock)
    beats = list(islice(cycle(messages(place)), BEATS))
    return Cpu().each(lambda beat: listener.take(beat.subject, beat.data, beat.headers), beats)


class _Deaf:
    """A bus that brings nothing."""

    def on_reconnect(self, _: object) -> None:
        return


def _view(place: Place) -> float:
    def anew(_: int) -> None:
        place.views.drop()
        place.office.issue(UploadOrder(BUCKET), at)

    at = clients(1)[0]
    return Cpu().each(anew, range(LOOKS)) / len(place.cluster.nodes)


def _look(place: Place) -> float:
    table = NodeTable(SystemClock())
    for beat in (place.health.heartbeat(name) for name in place.cluster.nodes):
        if beat is not None:
            table.heard(beat)
    seconds = Cpu().each(lambda _: cluster_survey(table.rows(place.cluster), place.cluster), range(LOOKS))
    return seconds / len(place.cluster.nodes)


def _change(place: Place) -> float:
    change, rng = map_change(place), random.Random(4)
    nodes = [entry for entry in place.entries if isinstance(entry, Node)]
    changed = [replace(rng.choice(nodes), url=f"http://other-{n}.test") for n in range(LOOKS)]
    return Cpu().each(change, changed)


_MEASURES = {
    PLACE: _tickets,
    RESOLVE: _resolves,
    BEAT_QUERY: _beats_in_query_service,
    BEAT_MONITOR: _beats_in_monitor,
    VIEW: _view,
    LOOK: _look,
    CHANGE: _change,
}
