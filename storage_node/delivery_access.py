"""Who may read a blob: in a public bucket everybody, in a private one who has a signature or a token."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from atoll.bucket import Bucket
from atoll.delivery_keys import LiveRing
from atoll.errors import Unavailable
from atoll.signing import Keys, check_delivery, check_internal_token
from atoll.transformation.signature import Claim, check_claim
from storage_node.peers import MapView

_SCHEME = "Atoll "


class DeliveryAccess:
    """`clock` gives Unix milliseconds, `address` a request's client."""

    def __init__(
        self,
        node: str,
        keys: Keys,
        cluster: MapView,
        clock: Callable[[], int],
        address: Callable[[web.Request], str] = lambda request: request.remote or "",
    ) -> None:
        self._node, self._keys, self._cluster, self._clock = node, keys, cluster, clock
        self._address = address
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
        claim = Claim.of(request.query)
        if claim.key or not self.ring().old_form:
            self.check(request, path, claim)
        else:
            check_delivery(path, claim.exp, claim.sig, self._keys, now / 1000)
        return max(0, int(claim.exp) - now // 1000)

    def check(self, request: web.Request, path: str, claim: Claim) -> None:
        """`Unauthorized` or `Forbidden` unless the claim opens the canonical `path` to this request now."""
        accepted, now = self.ring().accepted, self._clock() / 1000
        check_claim(path, claim, accepted, now, lambda: self._address(request))
