"""Where a browser goes after a plain HTML form was taken: a page of an origin that the bucket names. Pure.

The form's field `success_redirect` says it, as S3's `success_action_redirect` does. Refused before anything
is stored: an address outside the origins in the bucket's `cors` (`*` counts for none: no open redirect).
Called by uploads_api.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

from atoll.bucket import Bucket
from atoll.errors import BadRequest, Forbidden
from atoll.node_api import AssetView

FIELD = "success_redirect"
MAX_CHARS = 2048
MAX_TOLD = 20  # ids of assets in the address: a URL has an end
_FORM = re.compile(r"https?://[!-\[\]-~]+", re.ASCII)  # no space, no control character, no backslash


def redirect_of(fields: Mapping[str, str], bucket: Bucket | None) -> str | None:
    """The address that the form asks for; `BadRequest`, or `Forbidden` outside the bucket's origins."""
    text = fields.get(FIELD)
    if not text:
        return None
    if len(text) > MAX_CHARS or not _FORM.fullmatch(text):
        raise BadRequest(f"{FIELD} is an address of up to {MAX_CHARS} characters.", parameter=FIELD)
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise BadRequest(f"{FIELD} cannot be read: {error}", parameter=FIELD) from error
    origin = f"{parts.scheme}://{parts.netloc}"
    if bucket is None or origin not in bucket.cors:
        raise Forbidden(
            f"{FIELD} leads to an origin that the bucket does not name in its `cors`.", origin=origin[:300]
        )
    return text


def with_assets(address: str, assets: Sequence[AssetView]) -> str:
    """`address`, and in its query what was stored."""
    pairs = [("files", str(len(assets))), *(("asset_id", asset.asset_id) for asset in assets[:MAX_TOLD])]
    if len(assets) == 1:
        (asset,) = assets
        pairs += [
            ("bucket", asset.bucket),
            ("public_id", asset.public_id),
            ("version", asset.version),
            ("sha256", asset.sha256),
        ]
    parts = urlsplit(address)
    query = "&".join(filter(None, [parts.query, urlencode(pairs)]))
    return urlunsplit(parts._replace(query=query))
