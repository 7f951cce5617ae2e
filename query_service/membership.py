"""Who belongs to a set: the rules for draining, removing and bringing back a node, and for sealing. Pure.

A set keeps its images in at least two regions, so a node may leave only while the others do. Leaving takes
two steps: a draining node takes no uploads and goes on serving; it is removed when every blob of it is
confirmed elsewhere. A sealed set that has never held anything may leave whole. `force` skips what cannot be
waited for (the machine burnt down), never the first rule of a set: that some node stays.
"""

from __future__ import annotations

from typing import Literal

from atoll.cluster import ClusterMap
from atoll.errors import Conflict
from atoll.model import Node

NodeState = Literal["active", "draining", "removed"]
MIN_REGIONS = 2


def check_change(
    cluster: ClusterMap, node: Node, wanted: NodeState, *, force: bool, drained: bool, unused: bool = False
) -> None:
    """`Conflict` with what to do instead, unless the node may become `wanted`.

    `drained`: every blob of the node was just confirmed on the other nodes of its set. `unused`: its set is
    sealed, and every member just said that it has never held anything.
    """
    if node.state == wanted:
        return
    if node.state == "removed":
        raise Conflict(
            "A removed node does not come back: its data may be outdated. Start the machine with a new name "
            "and an empty data directory.",
            node=node.name,
        )
    if wanted == "active":
        return
    if not unused:
        _check_regions(cluster, node, wanted, force=force)
    if wanted == "removed" and not (drained or force):
        raise Conflict(
            "Not every image of this node is confirmed on the other nodes of its set. Drain it first, or "
            "force the removal if its machine is lost.",
            node=node.name,
            state=node.state,
        )


def _check_regions(cluster: ClusterMap, node: Node, wanted: NodeState, *, force: bool) -> None:
    others = [n for n in cluster.members(node.set) if n.name != node.name and n.state == "active"]
    regions = sorted({n.region for n in others})
    if not others and wanted == "removed":
        raise Conflict("It is the last node of its set: its images would be nowhere.", set=node.set)
    if len(regions) < MIN_REGIONS and not force:
        raise Conflict(
            f"Set {node.set} would be left in {len(regions)} region(s); images are to be in at least "
            f"{MIN_REGIONS}. Add a node in another region first, or use force.",
            set=node.set,
            regions=regions,
            needed=MIN_REGIONS,
        )
