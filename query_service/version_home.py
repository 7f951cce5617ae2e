"""Which set takes a new version that the cluster makes itself. Pure. Called by job_planner.py."""

from __future__ import annotations

from atoll.bucket import Bucket
from atoll.errors import Unavailable
from query_service.cluster_view import ClusterView


def home_of(view: ClusterView, bucket: Bucket, set_name: str) -> str:
    """The asset's own set, so that its versions stay together; where that is sealed, full or beyond the
    bucket's home regions, the one of which the most nodes take uploads. `Unavailable` when none takes any.

    A set whose nodes are all away is not full: the task waits for them, as it must, for they have the image.
    """
    writable = {
        each.name: len(view.writable(each.name))
        for each in view.cluster.sets.values()
        if not each.sealed
        and (members := view.cluster.members(each.name))
        and all(bucket.is_home(node.region) for node in members)
    }
    if set_name in writable and (writable[set_name] or not view.healthy(view.cluster.members(set_name))):
        return set_name
    best = max(sorted(writable), key=writable.__getitem__, default=None)
    if best is None or not writable[best]:
        raise Unavailable(
            "No set takes new versions now: all are sealed, full, or away from home.", retry_after=2
        )
    return best
