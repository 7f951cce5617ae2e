"""Events as nodes publish them, with short words for what a test cares about."""

from __future__ import annotations

import hashlib

from atoll.events import AssetDeleted, BlobDeleted, BlobReplicated, BlobStored
from atoll.ids import named_asset_id, new_id
from atoll.model import AssetRecord, Blob, Picture, Tombstone

BUCKET = "photos"
REGIONS = {"eu-1": "eu", "us-1": "us", "ap-1": "ap"}  # node: region


def sha_of(bytes_: str) -> str:
    """The hash of a blob, by a nickname for its bytes."""
    return hashlib.sha256(bytes_.encode()).hexdigest()


def version(at: int) -> str:
    """A version made at a time; the same time gives the same version."""
    return f"{new_id(at)[:10]}{'0' * 16}"


def record(public_id: str, at: int, bytes_: str | None = None, bucket: str = BUCKET, **more) -> AssetRecord:
    blob = Blob(bucket, sha_of(bytes_ or public_id), "jpg", more.pop("size", 80_000), Picture(640, 480))
    return AssetRecord(
        asset_id=more.pop("asset_id", None) or named_asset_id(bucket, public_id),
        public_id=public_id,
        version=version(at),
        set="s1",
        blob=blob,
        created_at=at,
        **more,
    )


def stored(asset: AssetRecord, at: int, node: str = "eu-1") -> BlobStored:
    return BlobStored(id=new_id(at), at=at, node=node, region=REGIONS[node], set="s1", asset=asset)


def replicated(asset: AssetRecord, at: int, node: str) -> BlobReplicated:
    blob = asset.blob
    return BlobReplicated(
        id=new_id(at), at=at, node=node, region=REGIONS[node], set="s1",
        bucket=blob.bucket, sha256=blob.sha256, ext=blob.ext, size=blob.size,
    )  # fmt: skip


def left(asset: AssetRecord, at: int, node: str) -> BlobDeleted:
    blob = asset.blob
    return BlobDeleted(
        id=new_id(at), at=at, node=node, region=REGIONS[node], set="s1",
        bucket=blob.bucket, sha256=blob.sha256, ext=blob.ext, reason="deleted",
    )  # fmt: skip


def buried(asset: AssetRecord, at: int, node: str = "eu-1") -> AssetDeleted:
    """All versions of the asset up to this one are deleted."""
    stone = Tombstone(asset.asset_id, asset.bucket, asset.public_id, "s1", asset.version, at)
    return AssetDeleted(id=new_id(at), at=at, node=node, region=REGIONS[node], set="s1", tombstone=stone)
