"""Whether this node still belongs to the cluster, as the map says.

A removed node that comes back does no harm: it answers with 410, publishes nothing, heartbeats nothing,
pulls and removes nothing. Its data stay as they are, for people to look at – or for the day on which
somebody makes it active again in the map, which it notices.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from atoll.cluster import ClusterMap
from atoll.errors import NodeRemoved
from atoll.http import Handler

log = logging.getLogger(__name__)

_OPEN = {"/health", "/metrics"}


class Membership:
    """Told of each new map (`cluster_changed`); asked by whoever would do something."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._member = asyncio.Event()
        self._member.set()

    @property
    def removed(self) -> bool:
        """Whether the map says so."""
        return not self._member.is_set()

    async def is_member(self) -> None:
        """Return at once, or once the node is a member again."""
        await self._member.wait()

    def cluster_changed(self, cluster: ClusterMap) -> None:
        """A listener for the cluster map."""
        me = cluster.nodes.get(self._node)
        removed = me is not None and me.state == "removed"
        if removed == self.removed:
            return
        if removed:
            log.error("%s", self._problem().detail)
            self._member.clear()
        else:
            log.warning("node %s is a member of the cluster again", self._node)
            self._member.set()

    def _problem(self) -> NodeRemoved:
        return NodeRemoved(
            f"Node {self._node} was removed from the cluster. Ask another node. To bring this machine back,"
            " give it a new name and an empty data directory, or make it active again in the cluster map.",
            node=self._node,
        )

    @web.middleware
    async def gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A middleware: 410 for everything but /health and /metrics once the node is removed."""
        if self.removed and request.path not in _OPEN:
            raise self._problem()
        return await handler(request)
