"""How much of each bucket lies on a node: what nodes tell and quotas are held to. Wire types; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

from atoll.model import BucketName, Label, Size

MAX_DELETES = 500


class BucketUsage(Struct, frozen=True):
    """What a node has of one bucket, all versions: `assets`, the `blobs` it holds and their `bytes`.

    Each blob counts once, however many assets use it; derivatives and the trash do not count. `leaving`:
    blobs of deleted assets that are still to go out of service. `closed`: the node knows that the bucket is
    being deleted, and takes nothing more for it.
    """

    bucket: BucketName
    assets: Size = 0
    blobs: Size = 0
    bytes: Size = 0
    leaving: Size = 0
    closed: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether all of the bucket is out of service here."""
        return not (self.assets or self.blobs or self.leaving)


class NodeUsage(Struct, frozen=True):
    """A node's answer: the buckets of which it has anything, and the one it was asked for."""

    node: Label
    buckets: tuple[BucketUsage, ...]

    def of(self, bucket: str) -> BucketUsage:
        """Of one bucket; nothing if it was not named."""
        return next((usage for usage in self.buckets if usage.bucket == bucket), BucketUsage(bucket))


class BucketDeletes(Struct, frozen=True):
    """To a node: delete up to `most` assets of a bucket that is being deleted. Repeating it goes on."""

    bucket: BucketName
    most: Annotated[int, Meta(ge=1, le=MAX_DELETES)] = MAX_DELETES
    trash_seconds: Size | None = None


def of_set(members: Iterable[BucketUsage], bucket: str) -> BucketUsage:
    """What a set has of a bucket, by its members: the greatest of each, for a replica may lag behind."""
    told = list(members)
    return BucketUsage(
        bucket,
        max((usage.assets for usage in told), default=0),
        max((usage.blobs for usage in told), default=0),
        max((usage.bytes for usage in told), default=0),
        max((usage.leaving for usage in told), default=0),
        all(usage.closed for usage in told),
    )


def of_cluster(sets: Iterable[BucketUsage], bucket: str) -> BucketUsage:
    """What the cluster has of a bucket, by its sets: they hold different images."""
    told = list(sets)
    return BucketUsage(
        bucket,
        sum(usage.assets for usage in told),
        sum(usage.blobs for usage in told),
        sum(usage.bytes for usage in told),
        sum(usage.leaving for usage in told),
        all(usage.closed for usage in told),
    )
