"""The path that is put behind a node's address, with the signature it needs. No I/O.

Owns how long signatures last. A private image's URL lasts exactly as long as was asked for. A derivative of a
public bucket is signed only so that nobody makes nodes render at will: its expiry is rounded up to a grid, so
that whoever asks within one step of the grid gets the SAME URL, and browsers and proxies can keep the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from atoll.api_keys import ApiKey
from atoll.bucket import Bucket
from atoll.delivery_keys import Ring
from atoll.errors import BadRequest
from atoll.model import Position
from atoll.names import Handle, blob_path
from atoll.transformation.paths import image_path
from atoll.transformation.signature import sign
from query_service.wishes import Wish

DAY = 86400


class Client(NamedTuple):
    """Who asks: where it is, and for how many seconds a signed URL shall be valid.

    `until` (Unix seconds): what this client was let in with ends then, and so does what it is given.
    `key`: the API key it came with, if that is limited. `net`: the network that what is signed is bound to.
    """

    position: Position
    seconds: int
    until: int | None = None
    key: ApiKey | None = None
    net: str = ""


# A path with its query, and when its signature expires in Unix seconds; None when nothing is signed. Not a
# NamedTuple: one is made for every image that anybody looks at, and a plain tuple is made in no time.
SignedPath = tuple[str, int | None]


class UrlSigner:
    """Signs what needs it. `public_url` is put before the paths of this service."""

    def __init__(
        self,
        ring: Ring,
        clock_s: Callable[[], float] = time.time,
        *,
        derivative_seconds: int = 7 * DAY,
        grid_seconds: int = DAY,
        public_url: str = "",
    ) -> None:
        self._ring, self._clock_s = ring, clock_s
        self._seconds, self._grid = derivative_seconds, grid_seconds
        self._public_url = public_url.rstrip("/")

    def blob(self, bucket: Bucket, handle: Handle, client: Client) -> SignedPath:
        """A blob as it is stored."""
        path = blob_path(bucket.name, handle)
        if bucket.visibility == "public":
            return _unsigned(path, client), None
        expires_at = self._exactly(client)
        return f"{path}?{sign(path, expires_at, self._ring().newest, client.net)}", expires_at

    def derivative(self, bucket: Bucket, handle: Handle, wish: Wish, client: Client) -> SignedPath:
        """What a transformation makes of a blob."""
        path = f"/{bucket.name}/{wish.in_path}/{handle}"
        return self._signed(path, bucket, wish, client)

    def image(self, bucket: Bucket, public_id: str, wish: Wish, client: Client) -> str:
        """The same of an asset's current image: an address on this service that outlives new versions."""
        path = image_path(bucket.name, wish.transformation, public_id)
        return self._public_url + self._signed(path, bucket, wish, client)[0]

    def _signed(self, path: str, bucket: Bucket, wish: Wish, client: Client) -> SignedPath:
        private = bucket.visibility == "private"
        if wish.anybody and not private:
            return _unsigned(path, client), None
        expires_at = self._exactly(client) if private else self._on_the_grid(client)
        return f"{path}?{sign(path, expires_at, self._ring().newest, client.net)}", expires_at

    def _exactly(self, client: Client) -> int:
        return _not_beyond(client.until, int(self._clock_s()) + client.seconds)

    def _on_the_grid(self, client: Client) -> int:
        steps = -(-(int(self._clock_s()) + self._seconds) // self._grid)
        return _not_beyond(client.until, steps * self._grid)


def _unsigned(path: str, client: Client) -> str:
    """`BadRequest` when it was to be bound to a network: what is public has no signature to say so."""
    if client.net:
        raise BadRequest("This image is public: its URL cannot be bound to a network.", parameter="net")
    return path


def _not_beyond(until: int | None, expires_at: int) -> int:
    return expires_at if until is None else min(until, expires_at)
