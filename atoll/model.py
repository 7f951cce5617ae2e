"""The things Atoll speaks of, as frozen wire types (words: docs/architecture.md). Pure.

Everything that crosses the wire or a process is one of these; msgspec checks it on the way in.
Times are Unix milliseconds, sizes are bytes, positions are degrees.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from atoll.durability import LOCAL, Durability

MAX_FACES = 32  # kept of one picture: the largest ones

# A plain $ would let a newline at the end pass.
Label = Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$(?!\n)")]
BucketName = Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])$(?!\n)")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Extension = Literal["jpg", "png", "webp", "gif", "avif", "heic", "tiff", "bmp"]
Identifier = Annotated[str, Meta(pattern=r"^[0-9a-z]{26}$(?!\n)")]
Milliseconds = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]
ContextText = Annotated[str, Meta(max_length=256)]
Tags = Annotated[tuple[Tag, ...], Meta(max_length=32)]
TransformationName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$(?!\n)")]
TransformationText = Annotated[str, Meta(min_length=1, max_length=3000)]
Context = Annotated[dict[Tag, ContextText], Meta(max_length=32)]


class Position(Struct, frozen=True):
    """A place on Earth, in degrees."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]


class Region(Struct, frozen=True):
    """A place with coordinates where nodes stand. `jetstream_domain`: its NATS leaf's domain, if any."""

    name: Label
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    jetstream_domain: str | None = None

    @property
    def position(self) -> Position:
        return Position(self.lat, self.lon)


class Node(Struct, frozen=True):
    """One storage-node daemon, as the cluster map knows it. `url` is what clients and peers call."""

    name: Label
    region: Label
    set: Label
    url: str
    state: Literal["active", "draining", "removed"] = "active"
    joined_at: Milliseconds = 0


class ReplicaSet(Struct, frozen=True):
    """A replica set. Its members are the nodes that name it; sealed means: takes no new blobs."""

    name: Label
    sealed: bool = False


class RenderPolicy(Struct, frozen=True):
    """How much a derivative of a bucket's image may ask for. A limit that is None is the node's own.

    `max_pixels` of one frame and of all together, before anything is decoded; `max_side` of the result
    in pixels; `sources`: formats that are opened at all.
    """

    max_pixels: Count | None = None
    max_frames: Count | None = None
    max_side: Count | None = None
    max_components: Count | None = None
    max_layers: Size | None = None
    sources: tuple[Extension, ...] | None = None


class Bucket(Struct, frozen=True):
    """A namespace of assets and its policy. A limit that is None is the node's own.

    `durability` is for uploads that do not ask for one. `transformations`: canonical text by name, for
    `t_NAME`. `eager`: canonical texts that are rendered as soon as an image is stored.
    `unsigned_transformations`: any transformation is served to anybody who may read the image.
    """

    name: BucketName
    visibility: Literal["public", "private"] = "public"
    max_bytes: Size | None = None
    max_pixels: Size | None = None
    allowed: tuple[Extension, ...] | None = None
    durability: Durability = LOCAL
    transformations: dict[TransformationName, TransformationText] = {}
    eager: Annotated[tuple[TransformationText, ...], Meta(max_length=16)] = ()
    unsigned_transformations: bool = False
    rendering: RenderPolicy = RenderPolicy()


Scope = Literal["read", "write", "delete", "admin"]


KeyPrefix = Annotated[str, Meta(min_length=1, max_length=512)]


class PreviousSecret(Struct, frozen=True):
    """The hash of the secret that a key had before it was rotated; good until `until`."""

    sha256: Sha256
    until: Milliseconds


class AccessKey(Struct, frozen=True):
    """An API key that the whole cluster knows: its hash (see `signing.hash_api_key`), never itself.

    `buckets` and `prefixes` (of public_ids) limit it to these; without any it is not limited. A revoked one
    stays in the map, so that no old backup or copy of it brings the key back, and its name is not reused.
    """

    name: Label
    sha256: Sha256
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    created_at: Milliseconds = 0
    buckets: Annotated[tuple[BucketName, ...], Meta(max_length=64)] = ()
    prefixes: Annotated[tuple[KeyPrefix, ...], Meta(max_length=16)] = ()
    expires_at: Milliseconds | None = None
    rotated_at: Milliseconds | None = None
    revoked_at: Milliseconds | None = None
    previous: PreviousSecret | None = None


class SigningKey(Struct, frozen=True):
    """A key for delivery URLs: delivery_keys.py derives it from the cluster's secret and `salt` (hex)."""

    name: Label
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    created_at: Milliseconds = 0
    state: Literal["active", "retired", "revoked"] = "active"


Share = Annotated[float, Meta(ge=0, le=1)]


class Face(Struct, frozen=True):
    """A face's box in shares of the picture as displayed: left and top edge, width and height, 0 to 1."""

    left: Share
    top: Share
    width: Share
    height: Share


ThumbHash = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/=]{0,40}$(?!\n)")]
BlurHash = Annotated[str, Meta(pattern=r"^[!-~]{0,40}$(?!\n)")]
PlainColor = Annotated[str, Meta(pattern=r"^(?:#[0-9a-f]{6})?$(?!\n)")]
Faces = Annotated[tuple[Face, ...], Meta(max_length=MAX_FACES)]


class Picture(Struct, frozen=True, omit_defaults=True):
    """What decoding found: displayed width and height (EXIF orientation applied), frames, and its looks.

    The looks are of the first frame: `thumbhash` in base64, `blurhash` of 4 by 3 components, `color` as
    "#rrggbb", the one that covers most. "" and None: not looked for, as in older records.
    """

    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    frames: Annotated[int, Meta(ge=1)] = 1
    thumbhash: ThumbHash = ""
    blurhash: BlurHash = ""
    color: PlainColor = ""
    faces: Faces | None = None


class Blob(Struct, frozen=True):
    """Immutable bytes in one bucket's namespace, and the picture they hold."""

    bucket: BucketName
    sha256: Sha256
    ext: Extension
    size: Size
    picture: Picture


class AssetRecord(Struct, frozen=True):
    """One version of an asset, as every replica keeps it beside the blob: the truth the catalog indexes.

    `version` sorts by time; of two records of one asset the greater version is the current one.
    """

    asset_id: Identifier
    public_id: str
    version: Identifier
    set: Label
    blob: Blob
    created_at: Milliseconds
    tags: Tags = ()
    context: Context = {}
    filename: str | None = None

    @property
    def bucket(self) -> str:
        return self.blob.bucket


class Tombstone(Struct, frozen=True):
    """All versions of an asset up to `version` are deleted; it outlives the slowest replica.

    Until `purge_at` nodes keep the bytes in their trash, and a restore brings them back; 0: not at all.
    """

    asset_id: Identifier
    bucket: BucketName
    public_id: str
    set: Label
    version: Identifier
    deleted_at: Milliseconds
    purge_at: Milliseconds = 0


class Location(Struct, frozen=True):
    """A node holds a blob: when it was fsynced there, and when its bytes were last verified."""

    node: Label
    region: Label
    fsynced_at: Milliseconds
    verified_at: Milliseconds


# What a node says of itself. `failing`: its disk gives no answer, so others must be asked.
NodeWord = Literal["ready", "draining", "stopping", "failing", "removed"]


class ScrubFacts(Struct, frozen=True):
    """How far a node is with reading all its blobs again. `progress` (0 to 1) is of the round under way.

    `oldest_verified_at` is 0 without blobs; `overdue` blobs were not read within the period. `bad` copies
    were found since the daemon started; `unreadable` pictures have the right bytes and cannot be decoded.
    """

    oldest_verified_at: Milliseconds
    progress: float
    overdue: Size = 0
    bad: Size = 0
    unreadable: Size = 0
    paused: bool = False


class Heartbeat(Struct, frozen=True):
    """What a node says of itself every second. `load` is 0 (idle) to 1 (saturated) and may exceed it.

    `uploads`: requests under way that upload. A draining node begins no new one, so that a drain can wait
    for the last.
    """

    node: Label
    region: Label
    set: Label
    url: str
    at: Milliseconds
    version: str
    state: NodeWord
    read_only: bool
    load: float
    bytes_total: Size
    bytes_free: Size
    blobs: Size
    outbox: Size
    outbox_age_ms: Milliseconds
    wanted: Size = 0
    quarantined: Size = 0
    inodes_free: Size | UnsetType = UNSET
    scrub: ScrubFacts | None = None
    uploads: Size = 0

    @property
    def used_fraction(self) -> float:
        """How full the node is, from 0 to 1."""
        return 1 - self.bytes_free / self.bytes_total if self.bytes_total else 1.0
