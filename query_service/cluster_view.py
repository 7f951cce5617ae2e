"""One moment of the cluster, as the resolver and the tickets see it: the map, and who is healthy now.

Health changes by the mere passing of time, and asking it anew for every request would cost more than the
rest of the request. So a view is made at most four times a second, and what depends on map, health and
the client's position alone is worked out once in its life. Owns no state but its memory of plans
(bounded); refuses nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.errors import Conflict, Unavailable
from atoll.health import HealthTable
from atoll.model import Node, Position, ReplicaSet
from atoll.placement import Bands, Candidate, Ranked, UploadRoom, draw, rank
from query_service.cluster_known import ClusterKnown

VIEW_SECONDS = 0.25  # added to the time until a dead node is seen as such
MAX_PLANS = 4096
MAX_ROOMS = 64  # one for each choice of home regions


class Spot(NamedTuple):
    """A node as it is offered to clients at one place."""

    base_url: str
    node: str
    region: str
    km: float
    unconfirmed: bool
    suspect: bool


def _spot(ranked: Ranked, *, unconfirmed: bool = False, suspect: bool = False) -> Spot:
    node = ranked.candidate.node
    return Spot(node.url, node.name, node.region, round(ranked.km, 1), unconfirmed, suspect)


@dataclass(frozen=True)
class Plan:
    """Who may serve a blob to clients at one place.

    `bands` are healthy nodes, to be drawn from anew for each answer; when `confirmed` is False none of
    them is known to hold the blob, and they pull it through. `last` are nodes that give no sign of life,
    by distance: worth a try when all else fails.
    """

    bands: Bands
    confirmed: bool
    last: tuple[Ranked, ...] = ()

    @cached_property
    def _fixed(self) -> list[Spot] | None:
        """The order when no dice are needed: at most one node in each band, as with a region per band."""
        return self._spots() if all(len(band) == 1 for band in self.bands) else None

    def spots(self, rng: random.Random) -> list[Spot]:
        """The nodes to offer, best first."""
        return self._fixed if self._fixed is not None else self._spots(rng)

    def _spots(self, rng: random.Random | None = None) -> list[Spot]:
        healthy = draw(self.bands, rng) if rng else [band[0] for band in self.bands]
        offered = [_spot(ranked, unconfirmed=not self.confirmed) for ranked in healthy]
        return offered + [_spot(ranked, suspect=True) for ranked in self.last]


class ClusterView:
    """The cluster at `now` (monotonic seconds)."""

    def __init__(self, cluster: ClusterMap, health: HealthTable, now: float) -> None:
        self.cluster, self._health, self.now = cluster, health, now
        self._plans: dict[tuple[str, float, float, tuple[str, ...] | None], Plan] = {}
        self._rooms: dict[tuple[str, ...], UploadRoom] = {}

    def plan(self, client: Position, set_name: str, holders: tuple[str, ...] | None) -> Plan:
        """Who may serve a blob of the set that `holders` (names; None: nobody asked) are known to hold."""
        key = (set_name, client.lat, client.lon, holders)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make_plan(client, set_name, holders)
            if len(self._plans) < MAX_PLANS:
                self._plans[key] = plan
        return plan

    def _make_plan(self, client: Position, set_name: str, holders: tuple[str, ...] | None) -> Plan:
        members = self.cluster.members(set_name)
        confirmed = members if holders is None else [node for node in members if node.name in holders]
        if bands := rank(client, self.healthy(confirmed)):
            return Plan(bands, confirmed=True)
        bands = rank(client, self.healthy(members))
        return Plan(bands, confirmed=False, last=self._by_distance(client, confirmed))

    def healthy(self, nodes: Iterable[Node]) -> list[Candidate]:
        """Those of the nodes that are healthy now."""
        found = (self._health.candidate(node, self.cluster, self.now) for node in nodes)
        return [candidate for candidate in found if candidate]

    def _by_distance(self, client: Position, nodes: Iterable[Node]) -> tuple[Ranked, ...]:
        places = [Candidate(node, self.cluster.regions[node.region].position) for node in nodes]
        return tuple(sorted((r for band in rank(client, places) for r in band), key=lambda r: r.km))

    def room_for(self, bucket: Bucket) -> UploadRoom:
        """The sets that take uploads into the bucket: all of whose nodes stand in its home regions, if it has
        some. `Conflict` without any such set.

        Of sets that can keep two copies now, if there are any. A set whose other regions are down takes
        uploads only when no other can: better one copy than a refusal, but better two than one.
        """
        room = self._rooms.get(bucket.home_regions)
        if room is None:
            room = UploadRoom(self._takers(s.name for s in self._inside(bucket) if not s.sealed))
            if len(self._rooms) < MAX_ROOMS:
                self._rooms[bucket.home_regions] = room
        return room

    def _inside(self, bucket: Bucket) -> list[ReplicaSet]:
        sets = list(self.cluster.sets.values())
        if not bucket.home_regions:
            return sets
        inside = [s for s in sets if self._is_inside(s.name, bucket)]
        if not inside:
            raise Conflict(
                f"No set lies wholly in the home regions of {bucket.name!r}. Start nodes of a set there.",
                bucket=bucket.name,
                home_regions=list(bucket.home_regions),
            )
        return inside

    def _takers(self, names: Iterable[str]) -> list[list[Candidate]]:
        writable = {name: self.writable(name) for name in names}
        whole = [name for name in writable if self._regions_up(name) > 1]
        return [writable[name] for name in whole if writable[name]] or [w for w in writable.values() if w]

    def _is_inside(self, set_name: str, bucket: Bucket) -> bool:
        members = self.cluster.members(set_name)
        return bool(members) and all(bucket.is_home(node.region) for node in members)

    def writable(self, set_name: str) -> list[Candidate]:
        """The nodes of the set that would take an upload now, if it is not sealed."""
        found = (self._health.writable(n, self.cluster, self.now) for n in self.cluster.members(set_name))
        return [candidate for candidate in found if candidate]

    def _regions_up(self, set_name: str) -> int:
        return len({c.node.region for c in self.healthy(self.cluster.members(set_name))})


class Views:
    """Gives the current view, and makes a new one when it is old or dropped."""

    def __init__(self, known: ClusterKnown) -> None:
        self._cluster, self._health, self._clock = known
        self._view: ClusterView | None = None

    def current(self) -> ClusterView:
        """The view of now, at most `VIEW_SECONDS` old. `Unavailable` while no map was ever seen."""
        now = self._clock()
        view = self._view
        if view is None or now - view.now >= VIEW_SECONDS:
            cluster = self._cluster()
            if not cluster.regions:
                raise Unavailable("The cluster map is not known here yet.", retry_after=1)
            view = self._view = ClusterView(cluster, self._health, now)
        return view

    def drop(self) -> None:
        """Something changed that nobody should wait for: the map, or a node's death."""
        self._view = None
