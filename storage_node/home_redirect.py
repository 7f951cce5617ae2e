"""Images of a bucket with home regions, asked of a node elsewhere: it sends the client to one inside.

No byte of such a bucket is pulled, kept or rendered outside: the answer is a 307 to the nearest member of the
image's set, signature and all. Called by delivery.py before anything else is looked at.
"""

from __future__ import annotations

from aiohttp import web

from atoll.errors import NotFound
from atoll.http import SAFE_HEADERS
from storage_node.origin import Origin
from storage_node.peers import MapView, Peers


class HomeRedirect:
    """`peers` knows who is near, and who seems alive."""

    def __init__(self, origin: Origin, cluster: MapView, peers: Peers) -> None:
        self._origin, self._cluster, self._peers = origin, cluster, peers

    def elsewhere(self, request: web.Request, path: str) -> web.Response | None:
        """Where to go with a raw path whose image this node may not have; None: this is home.

        `NotFound` when the path names no set with a node in the bucket's home regions.
        """
        names = path.split("/")
        bucket = self._cluster.current.buckets.get(names[1]) if len(names) > 3 else None
        if bucket is None or bucket.is_home(self._origin.region):
            return None
        inside = [node for node in self._peers.of_set(names[-2]) if bucket.is_home(node.region)]
        if not inside:
            raise NotFound(
                "No node of this set stands in the home regions of the bucket.", bucket=bucket.name
            )
        target = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs
        headers = {**SAFE_HEADERS, "Location": inside[0].url + target, "Cache-Control": "no-store"}
        return web.Response(status=307, headers=headers)
