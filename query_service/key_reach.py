"""What a limited API key may touch: one place for all handlers. Pure.

A key may be limited to buckets and to prefixes of public_ids. What the caller names itself – a bucket, a
public_id, a prefix – is refused with 403 before anything is looked up, so the answer says nothing about what
is there. What is found by id is 404 outside the key's reach, in the words of an id that nobody knows.
A handle has no public_id: a key with prefixes cannot use one.

`routing` puts the key into the request and refuses a limited one where the whole cluster is meant. Handlers
call these with the request; an unlimited key costs one look into a dict.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from aiohttp import web

from atoll.api_keys import ApiKey
from atoll.errors import Forbidden, NotFound
from atoll.model import AssetRecord
from atoll.transformation.steps import ImageLayer, Overlay, Transformation
from atoll.uploaders import check_session, uploader

API_KEY = web.RequestKey("api_key", ApiKey)  # in the request: the key it came with


def uploader_of(request: web.Request, session: str | None) -> str:
    """Who uploads, as tickets and records have it: the key, or a session of its application. `BadRequest`."""
    check_session(session)
    key = request.get(API_KEY)
    return uploader(key.id, session) if key is not None else ""


def limited_key(request: web.Request) -> ApiKey | None:
    """The request's key if it is limited; None: it may touch everything that its scopes allow."""
    key = request.get(API_KEY)
    return key if key is not None and key.limited else None


def check_bucket(request: web.Request, bucket: str) -> None:
    """`Forbidden` unless the whole bucket, as its policy, is in reach."""
    key = limited_key(request)
    if key is not None and (not key.reaches_bucket(bucket) or key.prefixes):
        raise _beyond(key, "this bucket")


def check_name(request: web.Request, bucket: str, public_id: str | None) -> None:
    """`Forbidden` unless this name is in reach; None: a name is to be made up, which no prefix begins."""
    if key := limited_key(request):
        check_named(key, bucket, public_id)


def check_named(key: ApiKey, bucket: str, public_id: str | None) -> None:
    """The same for one of many names in a request."""
    # In the form that it will be kept in: a letter and its accent may become one letter outside the prefix.
    name = None if public_id is None else unicodedata.normalize("NFC", public_id)
    if not reaches(key, bucket, name):
        raise _beyond(key, "this name")


def check_prefix(request: web.Request, bucket: str, prefix: str) -> None:
    """`Forbidden` unless all that begins so is in reach."""
    key = limited_key(request)
    if key is None:
        return
    if not key.reaches(bucket, prefix):
        raise _beyond(key, "all of this; ask for one of its prefixes")


def check_found(request: web.Request, record: AssetRecord) -> None:
    """`NotFound`, as if there were no such id, unless the asset is in reach."""
    check_found_by(limited_key(request), record.asset_id, [(record.bucket, record.public_id)])


def check_found_by(key: ApiKey | None, asset_id: str, names: Iterable[tuple[str, str]]) -> None:
    """The same for all names (bucket, public_id) that an id was found under."""
    if key is not None and not all(key.reaches(*name) for name in names):
        raise NotFound("There is no such asset.", asset_id=asset_id)


def check_handle(key: ApiKey | None, bucket: str) -> None:
    """`Forbidden` unless bytes of this bucket may be asked for without a public_id."""
    if key is not None and not reaches(key, bucket, None):
        raise _beyond(key, "handles of this bucket")


def check_layers(key: ApiKey | None, bucket: str, transformation: Transformation) -> None:
    """`Forbidden` unless the images that a transformation names itself are in reach.

    What a named transformation shows is the bucket's policy and open to whoever may use the name.
    """
    if key is None or not key.prefixes:
        return
    named = [
        step.source.public_id
        for step in transformation.steps
        if isinstance(step, Overlay) and isinstance(step.source, ImageLayer)
    ]
    if transformation.fallback is not None:
        named.append(transformation.fallback)
    if not all(key.reaches(bucket, public_id) for public_id in named):
        raise _beyond(key, "an image that the transformation names")


def reaches(key: ApiKey, bucket: str, public_id: str | None) -> bool:
    """Whether the key may touch this asset; None: one whose public_id nobody knows."""
    if public_id is None:
        return key.reaches_bucket(bucket) and not key.prefixes
    return key.reaches(bucket, public_id)


def _beyond(key: ApiKey, what: str) -> Forbidden:
    return Forbidden(
        f"The API key {key.id!r} is limited and does not reach {what}.",
        buckets=sorted(key.buckets),
        prefixes=list(key.prefixes),
    )
