"""Which node of a region makes a derivative for all of them: rendezvous hashing. Pure.

Every node works out the same owner from the cluster map alone, and when a node comes or goes only the
derivatives change hands that it won or had. (Thaler and Ravishankar, 1998.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from atoll.cluster import ClusterMap
from atoll.health import State
from atoll.model import Node
from storage_node.derivative import DerivativeKey


def owner_of(key: DerivativeKey, nodes: Iterable[Node]) -> Node | None:
    """The owner among `nodes`; None when there is none."""
    return max(nodes, key=lambda node: _weight(key, node.name), default=None)


def _weight(key: DerivativeKey, node: str) -> bytes:
    return hashlib.blake2b("\n".join((*key, node)).encode(), digest_size=16).digest()


def possible_owners(
    cluster: ClusterMap, set_name: str, region: str, me: str, state: Callable[[str], State]
) -> list[Node]:
    """The members of a set in `region` that may own: active, and not suspect. `me` knows itself well."""
    return [
        node
        for node in cluster.members(set_name)
        if node.region == region
        and node.state == "active"
        and (node.name == me or state(node.name) != "suspect")
    ]
