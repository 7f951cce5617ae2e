"""Which policy of a bucket a change was made from: its `etag`, and `If-Match` that names one.

Owns both, and the write that holds to them: what is in the map is compared and replaced in one step, so of
two people who change a bucket at the same moment one is told. Called by buckets_api.py.
"""

from __future__ import annotations

import hashlib
import re

import msgspec
from aiohttp import web
from msgspec import structs

from atoll.bucket import Bucket
from atoll.cluster_map import LiveClusterMap
from atoll.errors import BadRequest, Conflict, PreconditionFailed, Unavailable

_MATCH = re.compile(r'"?([0-9a-f]{32})"?', re.ASCII)
_ANY = "*"


class KeptBucket(Bucket, frozen=True, kw_only=True):
    """A bucket's policy, and what names it as it is (`etag`, for `If-Match`)."""

    etag: str


def etag_of(bucket: Bucket) -> str:
    """The policy in 32 hex digits: another policy has another."""
    return hashlib.sha256(msgspec.json.encode(bucket, order="deterministic")).hexdigest()[:32]


def kept(bucket: Bucket) -> KeptBucket:
    """As it is shown."""
    return KeptBucket(**structs.asdict(bucket), etag=etag_of(bucket))


def tagged(bucket: Bucket) -> dict[str, str]:
    """The header that an answer about this one bucket has."""
    return {"ETag": f'"{etag_of(bucket)}"'}


def expected(request: web.Request) -> str | None:
    """What `If-Match` wants to be there: an etag, `*` for any, None for nothing said. `BadRequest`."""
    text = request.headers.get("If-Match")
    if text is None:
        return None
    if text.strip() == _ANY:
        return _ANY
    found = _MATCH.fullmatch(text.strip())
    if found is None:
        raise BadRequest("If-Match is the bucket's etag in quotes, or *.", header="If-Match", got=text[:80])
    return found[1]


def check_match(before: Bucket | None, wanted: Bucket, match: str | None) -> None:
    """`PreconditionFailed` unless it is what was wanted to be there. What is as it shall be may stay so: an
    earlier try, whose answer was lost, did it."""
    if match is None or before == wanted:
        return
    if before is None or match not in (_ANY, etag_of(before)):
        etag = None if before is None else etag_of(before)
        raise PreconditionFailed("This bucket's policy is another one by now.", bucket=wanted.name, etag=etag)


async def replace_matching(live: LiveClusterMap, before: Bucket, wanted: Bucket, match: str) -> None:
    """Write `wanted` in the place of what `match` names, `before` as far as is known here.

    `PreconditionFailed`; `Unavailable` when `before`, from which the change was judged, is old.
    """

    def make(there: Bucket) -> Bucket:
        check_match(there, wanted, match)
        if there not in (before, wanted):
            raise Unavailable("This bucket was changed a moment ago.", bucket=wanted.name, retry_after=1)
        return wanted

    try:
        await live.change(before, make)
    except Conflict as error:
        raise PreconditionFailed("This bucket is just being changed.", bucket=wanted.name) from error
