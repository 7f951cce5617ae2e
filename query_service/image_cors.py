"""Which web pages may read answers of `/i/…` by script: `<img crossorigin>`, a canvas, `fetch()`. Pure.

    public bucket     any page, as on the nodes that it leads to: whoever asks gets the image anyway
    private bucket    pages of the bucket's origins, with a signature
    no such bucket    any page: it learns that there is none, as whoever asks does

No preflight is answered: what needs one is an API key, which no page has. A browser that follows a redirect
to another host does not say there whose page it was (`Origin: null`), so where a private bucket names its
origins, scripts fetch the URL on the node; `*` is good for both. Called by redirects.py.
"""

from __future__ import annotations

from atoll.bucket import Bucket

_ALLOW = "Access-Control-Allow-Origin"
_ANY = {_ALLOW: "*"}
_NONE: dict[str, str] = {}


def by_origin(bucket: Bucket) -> bool:
    """Whether answers differ from page to page, so that no cache may give one page's to another."""
    return bucket.visibility == "private" and bool(bucket.cors) and "*" not in bucket.cors


def shown_to(bucket: Bucket | None, origin: str | None) -> dict[str, str]:
    """The headers that let a page of `origin` read the answer; not to be changed."""
    if bucket is None or bucket.visibility == "public" or "*" in bucket.cors:
        return _ANY
    return {_ALLOW: origin} if origin is not None and origin in bucket.cors else _NONE
