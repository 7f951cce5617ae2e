"""What a client wants made of an image, understood once per distinct text. Pure.

Owns the memory of texts (bounded), so that a page of a thousand thumbnails is parsed once. Refuses what the
grammar or the bucket's policy does not allow with `BadTransformation`. Called for every URL that is resolved
with a transformation; what knows no transformation never comes here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from msgspec.structs import replace

from atoll.bucket import Bucket
from atoll.errors import BadTransformation
from atoll.transformation.canonical import canonical
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.named import expanded
from atoll.transformation.parser import parse
from atoll.transformation.paths import quoted
from atoll.transformation.policy import Definitions, limits_of, may_anybody_ask
from atoll.transformation.steps import Format, Transformation

MAX_KEPT = 4096
MAX_KEPT_CHARS = 1024  # a longer text is read anew each time: kept ones are a few megabytes at most
WRITABLE: dict[str, Format] = {
    "jpg": "jpg", "jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "gif": "gif",
}  # fmt: skip


class Wish(NamedTuple):
    """A transformation that the bucket allows. `meant` is it without names; `anybody`: needs no signature."""

    transformation: Transformation
    meant: Transformation
    text: str
    in_path: str
    anybody: bool


class _Kept(NamedTuple):
    bucket: Bucket
    answer: Wish | BadTransformation


class Wishes:
    """Reads texts for buckets."""

    def __init__(self, own: Limits = DEFAULTS, max_kept: int = MAX_KEPT) -> None:
        """`own` are this service's limits, which a bucket may narrow."""
        self._own, self._max_kept = own, max_kept
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._definitions: dict[str, tuple[Bucket, Limits, Definitions]] = {}

    def limits(self, bucket: Bucket) -> Limits:
        """What this bucket allows of the grammar."""
        return self._policy(bucket)[0]

    def wish(self, bucket: Bucket, text: str) -> Wish:
        """What `text` asks for; a refusal is remembered like an answer."""
        key = (bucket.name, text)
        kept = self._kept.get(key)
        if kept is None or kept.bucket is not bucket:  # another object: the policy may be another
            kept = _Kept(bucket, self._read(bucket, text))
            self._keep(key, kept)
        if isinstance(kept.answer, BadTransformation):
            raise kept.answer.with_traceback(None)  # or each time would add to the trace it carries
        return kept.answer

    def parsed(self, bucket: Bucket, transformation: Transformation) -> Wish:
        """The same for what was parsed under the bucket's limits already."""
        return self.wish(bucket, canonical(transformation))

    def in_format(self, bucket: Bucket, wish: Wish, extension: str, own: str) -> Wish:
        """The wish as a file of this extension, if it names no format and the image's `own` is another.

        Extensions of formats that are not written (HEIC, TIFF) are only part of a name.
        """
        wanted = WRITABLE.get(extension.lower())
        if wanted is None or wanted == own or wish.meant.delivery.format is not None:
            return wish
        delivery = replace(wish.transformation.delivery, format=wanted)
        return self.parsed(bucket, replace(wish.transformation, delivery=delivery))

    def without_fallback(self, bucket: Bucket, wish: Wish) -> Wish:
        """The wish for the fallback itself."""
        return self.parsed(bucket, replace(wish.transformation, fallback=None))

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        if len(key[1]) > MAX_KEPT_CHARS:
            return
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > self._max_kept:
            self._kept.popitem(last=False)

    def _read(self, bucket: Bucket, text: str) -> Wish | BadTransformation:
        limits, definitions = self._policy(bucket)
        try:
            transformation = parse(text, limits)
            meant = expanded(transformation, definitions, limits)
        except BadTransformation as error:
            return error
        return Wish(
            transformation,
            meant,
            canonical(transformation),
            quoted(transformation),
            may_anybody_ask(bucket, transformation),
        )

    def _policy(self, bucket: Bucket) -> tuple[Limits, Definitions]:
        known = self._definitions.get(bucket.name)
        if known is None or known[0] is not bucket:
            limits = limits_of(bucket.rendering, self._own)
            known = self._definitions[bucket.name] = (bucket, limits, Definitions(bucket, limits))
        return known[1:]
