"""What this service is asked and answers about the cluster itself: buckets, nodes, sets, regions. Pure.

As in wire.py: what it is asked refuses unknown members, sizes are bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from atoll.bucket import HostPattern, LifecycleRule, Origin, TransformationName
from atoll.durability import LOCAL, Durability
from atoll.model import Extension, Label, Size

MAX_QUOTA = 10**18
MAX_NAMES = 200  # a bucket is one entry of the cluster map, which NATS carries in one message of 1 MB


class RenderingOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """How much a derivative may ask for; null: what each node allows. See `RenderPolicy`."""

    max_pixels: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    max_frames: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    max_side: Annotated[int, Meta(ge=1, le=16_383)] | None = None
    max_components: Annotated[int, Meta(ge=1, le=64)] | None = None
    max_layers: Annotated[int, Meta(ge=0, le=16)] | None = None
    sources: Annotated[tuple[Extension, ...], Meta(min_length=1, max_length=16)] | None = None
    max_frame_pixels: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    max_art_pixels: Annotated[int, Meta(ge=1, le=10**9)] | None = None


class QuotaOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """What all images of a bucket may come to: bytes, each blob counted once, and assets; null: no limit."""

    bytes: Annotated[int, Meta(ge=0, le=MAX_QUOTA)] | None = None
    assets: Annotated[int, Meta(ge=0, le=MAX_QUOTA)] | None = None


class BucketOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A bucket's policy, whole. `visibility` has no default: nothing becomes public by omission.

    `transformations` by name, for `t_NAME`; `eager` ones (texts, or `t_NAME`) are made after each upload. All
    are kept in canonical form. `unsigned_transformations`: whoever may read an image may have anything made
    of it. The rest as in `Bucket`: what is stored is held to it by every node, with the database down, too.
    """

    visibility: Literal["public", "private"]
    max_bytes: Annotated[int, Meta(ge=1)] | None = None
    max_pixels: Annotated[int, Meta(ge=1)] | None = None
    allowed: Annotated[tuple[Extension, ...], Meta(min_length=1, max_length=16)] | None = None
    durability: Durability = LOCAL
    transformations: Annotated[dict[TransformationName, str], Meta(max_length=MAX_NAMES)] = {}
    eager: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    unsigned_transformations: bool = False
    rendering: RenderingOrder = RenderingOrder()
    versioning: bool = True
    metadata: Literal["keep", "strip"] = "keep"
    lifecycle: Annotated[tuple[LifecycleRule, ...], Meta(max_length=32)] = ()
    quota: QuotaOrder = QuotaOrder()
    home_regions: Annotated[tuple[Label, ...], Meta(max_length=32)] = ()
    cors: Annotated[tuple[Origin, ...], Meta(max_length=32)] = ()
    fetch_hosts: Annotated[tuple[HostPattern, ...], Meta(max_length=64)] = ()


class NodeView(Struct, frozen=True):
    """A node as the map has it and as it is seen now; `age_ms` is how long ago it gave a sign of life."""

    name: str
    region: str
    set: str
    url: str
    state: str
    health: str
    age_ms: int | None
    version: str | None
    ready: str | None
    read_only: bool | None
    load: float | None
    bytes_total: Size | None
    bytes_free: Size | None
    blobs: Size | None
    outbox: Size | None
    outbox_age_ms: int | None
    wanted: Size | None
    quarantined: Size | None


class MemberView(Struct, frozen=True):
    """A node as a member of its set."""

    node: str
    region: str
    health: str
    writable: bool
    bytes_free: Size | None


class SetView(Struct, frozen=True):
    """A set; `bytes_free` is that of its fullest member, because every member gets every blob."""

    name: str
    sealed: bool
    writable: bool
    healthy: int
    bytes_free: Size | None
    members: list[MemberView]


class RegionView(Struct, frozen=True):
    """A region and who stands there."""

    name: str
    lat: float
    lon: float
    nodes: list[str]
    healthy: int
