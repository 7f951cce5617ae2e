"""What a query service knows of the cluster: the map, who is healthy, and the clock by which that is judged.

One value, for it is known together: made by app.py, looked at by cluster_view.py and cluster_sight.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from atoll.cluster import ClusterMap
from atoll.health import HealthTable


class ClusterKnown(NamedTuple):
    """`cluster` gives the map as it is now; `clock`: monotonic seconds, by which `health` was noted."""

    cluster: Callable[[], ClusterMap]
    health: HealthTable
    clock: Callable[[], float] = time.monotonic
