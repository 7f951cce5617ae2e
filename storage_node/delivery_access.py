"""Who may read a blob: in a public bucket everybody, in a private one who has a signature or a token."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from atoll.bucket import Bucket
from atoll.delivery_keys import LiveRing
from atoll.errors import Unavailable
from atoll.signing import Keys, check_delivery, check_internal_token
from atoll.transformation import signature
from storage_node.peers import MapView

_SCHEME = "Atoll "


class DeliveryAccess:
    """`clock` gives Unix milliseconds."""

    def __init__(self, node: str, keys: Keys, cluster: MapView, clock: Callable[[], int]) -> None:
        self._node, self._keys, self._cluster, self._clock = node, keys, cluster, clock
        self.ring = LiveRing(keys, lambda: cluster.current.signing, clock)

    def bucket(self, name: str) -> Bucket:
        """The bucket; `NotFound`, or `Unavailable` while this node has no cluster map at all."""
        current = self._cluster.current
        if not current.regions and name not in current.buckets:
            raise Unavailable("This node has no cluster map yet.", retry_after=2)
        return current.bucket(name)

    def private_seconds(self, request: web.Request, bucket: Bucket, path: str) -> int | None:
        """For how long the client may keep the answer; None: for ever, the bucket is public.

        `Unauthorized` unless the request opens `path` (the raw path, without the query).
        """
        if bucket.visibility == "public":
            return None
        credentials = request.headers.get("Authorization", "")
        now = self._clock()
        if credentials.startswith(_SCHEME):
            token = credentials[len(_SCHEME) :]
            check_internal_token(token, self._node, request.method, request.raw_path, self._keys, now)
            return 0
        exp, key, sig = (request.query.get(name, "") for name in ("exp", "key", "sig"))
        ring = self.ring()
        if key or not ring.old_form:
            signature.check(path, exp, key, sig, ring.accepted, now / 1000)
        else:
            check_delivery(path, exp, sig, self._keys, now / 1000)
        return max(0, int(exp) - now // 1000)
