"""One moment of the cluster, as the resolver and the tickets see it: the map, and who is healthy now.

Health changes by the mere passing of time, and asking it anew for every request would cost more than the
rest of the request. So a view is made at most four times a second, and everything that depends on map,
health and the client's position alone is worked out once in its life. Owns no state but its memory of
plans (bounded); refuses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from atoll.cluster import ClusterMap
from atoll.health import HealthTable
from atoll.model import Node, Position
from atoll.placement import Bands, Candidate, Ranked, rank

VIEW_SECONDS = 0.25  # added to the time until a dead node is seen as such
MAX_PLANS = 4096


@dataclass(frozen=True, slots=True)
class Plan:
    """Who may serve a blob to clients at one place.

    `bands` are healthy nodes, to be drawn from anew for each answer; when `confirmed` is False none of
    them is known to hold the blob, they pull it through. `last` are nodes that gave no sign of life, by
    distance: worth a try when all else fails.
    """

    bands: Bands
    confirmed: bool
    last: tuple[Ranked, ...] = ()

    @cached_property
    def never(self) -> bool:  # pragma: no cover - replaced below
        return not self.bands and not self.last


class ClusterView:
    """The cluster at `now` (monotonic seconds)."""

    def __init__(self, cluster: ClusterMap, health: HealthTable, now: float) -> None:
        self.cluster, self._health, self.now = cluster, health, now
        self._plans: dict[tuple[object, ...], Plan] = {}
