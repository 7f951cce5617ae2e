"""Who may be redirected to an image: the access rules of `/i/…`. Pure but for the clock, which is passed in.

    public bucket    the image itself, a name (`t_NAME`), and anything where the bucket is unsigned: anybody
                     any other transformation: a signature, or an API key with the scope read
    private bucket   everything: a signature, or an API key with the scope read

A signature (`exp`, `key`, `sig`) is over the canonical path, so every spelling of what was signed is open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from atoll.api_keys import ApiKey, ApiKeys
from atoll.bucket import Bucket
from atoll.delivery_keys import Ring
from atoll.errors import Forbidden, Unauthorized
from atoll.transformation.paths import ImagePath
from atoll.transformation.policy import may_anybody_ask
from atoll.transformation.signature import Claim, check_claim
from query_service.key_reach import API_KEY, check_name, limited_key

AUTHORIZATION = "Authorization"


class Admission(NamedTuple):
    """How somebody was let in. `shared`: caches may give the answer to others. `until`: in Unix seconds.

    `net`: the signature is for clients of this network, and so is what is answered.
    """

    shared: bool
    until: int | None = None
    key: ApiKey | None = None  # if it is limited
    net: str = ""


class ImageAccess:
    """Lets in or refuses. `address` finds a request's client."""

    def __init__(
        self,
        api_keys: ApiKeys,
        ring: Ring,
        clock_s: Callable[[], float],
        address: Callable[[web.Request], str],
    ) -> None:
        self._api_keys, self._ring, self._clock_s, self._address = api_keys, ring, clock_s, address

    def admit(self, request: web.Request, bucket: Bucket, image: ImagePath) -> Admission:
        """`Unauthorized` or `Forbidden` unless this request may see the image."""
        if is_open(bucket, image):
            return Admission(shared=True)
        if "sig" in request.query:
            try:
                return self._by_signature(request, bucket, image)
            except (Unauthorized, Forbidden):
                if AUTHORIZATION not in request.headers:
                    raise
        return self._by_key(request, bucket, image)

    def seconds_left(self, until: int) -> int:
        """How long until then."""
        return max(0, int(until - self._clock_s()))

    def _by_signature(self, request: web.Request, bucket: Bucket, image: ImagePath) -> Admission:
        claim, now = Claim.of(request.query), self._clock_s()
        check_claim(image.spelt, claim, self._ring().accepted, now, lambda: self._address(request))
        shared = bucket.visibility == "public" and not claim.net
        return Admission(shared, int(claim.exp), net=claim.net)

    def _by_key(self, request: web.Request, bucket: Bucket, image: ImagePath) -> Admission:
        if AUTHORIZATION not in request.headers:
            what = "This image is private" if bucket.visibility == "private" else "This transformation"
            raise Unauthorized(
                f"{what}{_WAYS if bucket.visibility == 'public' else _PRIVATE_WAYS}", bucket=bucket.name
            )
        request[API_KEY] = self._api_keys.check(request.headers, "read")
        check_name(request, bucket.name, image.public_id)
        return Admission(shared=False, key=limited_key(request))


_WAYS = (
    " needs a signature here: ask GET /v1/assets/{asset_id}/url?t=… for its image_url. Or send an API key, "
    "or have the bucket name it: t_NAME needs none."
)
_PRIVATE_WAYS = ": send an API key, or ask GET /v1/assets/{asset_id}/url?t=… for its image_url."


def is_open(bucket: Bucket, image: ImagePath) -> bool:
    """Whether anybody may ask for it."""
    if bucket.visibility == "private":
        return False
    return image.transformation is None or may_anybody_ask(bucket, image.transformation)
