"""Orders to a replica set: one member that takes them is enough. I/O.

Owns the order in which members are asked: the nearest to us first, those that give no sign of life last, the
next on failure. Called by whatever changes assets: deletes.py, edits.py.
"""

from __future__ import annotations

import logging
from typing import Any, TypeVar

from atoll.errors import AtollError, NotFound, Unavailable
from atoll.model import Node
from atoll.node_client import NodeClient
from query_service.cluster_view import Views

log = logging.getLogger(__name__)

T = TypeVar("T")

ORDER_SECONDS = 5.0


class SetOrders:
    """`own_region`: where we stand."""

    def __init__(self, views: Views, nodes: NodeClient, own_region: str) -> None:
        self._views, self._nodes, self._own_region = views, nodes, own_region

    async def send(
        self,
        set_name: str,
        path: str,
        kind: type[T],
        body: Any,
        *,
        failed: str,
        final: tuple[type[AtollError], ...] = (),
    ) -> T:
        """The first answer to POST `path`. An error of `final` ends the search and is raised.

        `NotFound` when all members said that; else, with `failed` as its sentence, `Unavailable`.
        """
        reasons: dict[str, AtollError] = {}
        for node in self._members(set_name):
            try:
                return await self._nodes.call(node, "POST", path, kind, body=body, seconds=ORDER_SECONDS)
            except final:
                raise
            except AtollError as error:  # whatever one node says, another may be able to
                reasons[node.name] = error
                log.warning("order refused", extra={"node": node.name, "path": path, "reason": error.detail})
        if reasons and all(isinstance(error, NotFound) for error in reasons.values()):
            raise next(iter(reasons.values()))
        told = {name: error.detail[:200] for name, error in reasons.items()}
        raise Unavailable(failed, set=set_name, nodes=told, retry_after=2)

    def _members(self, set_name: str) -> list[Node]:
        view = self._views.current()
        healthy = {c.node.name for c in view.healthy(view.cluster.members(set_name))}
        nearest = view.cluster.nearest_members(set_name, self._own_region)
        return sorted(nearest, key=lambda node: node.name not in healthy)  # stable: nearest first in each
