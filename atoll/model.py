"""The things Atoll speaks of, as frozen wire types (words: docs/concepts.md). Pure.

Everything that crosses the wire or a process is one of these; msgspec checks it on the way in.
Times are Unix milliseconds, sizes are bytes, positions are degrees.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

MAX_FACES = 32  # kept of one picture: the largest ones

# A plain $ would let a newline at the end pass.
Label = Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$(?!\n)")]
BucketName = Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])$(?!\n)")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Extension = Literal["jpg", "png", "webp", "gif", "avif", "heic", "tiff", "bmp"]
Identifier = Annotated[str, Meta(pattern=r"^[0-9a-z]{26}$(?!\n)")]
# Up to the end of the year 9999: what comes after has no RFC 3339.
Milliseconds = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
Size = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]
ContextText = Annotated[str, Meta(max_length=256)]
Tags = Annotated[tuple[Tag, ...], Meta(max_length=32)]
Title = Annotated[str, Meta(max_length=256)]
AltText = Annotated[str, Meta(max_length=1024)]
Uploader = Annotated[str, Meta(max_length=128)]
Context = Annotated[dict[Tag, ContextText], Meta(max_length=32)]
FormField = Literal["tags", "context", "title", "alt"]  # what a ticket may let a visitor's form say


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


class AssetRecord(Struct, frozen=True, omit_defaults=True):
    """One version of an asset, as every replica keeps it beside the blob: the truth the catalog indexes.

    `version` sorts by time; of two records of one asset the greater version is the current one. A change of
    tags, context, title or alternative text is a record of its own with the same bytes: `content` then names
    the version that brought them (None: this one did). `by`: the API key or the browser session that
    uploaded it; "" where it is not known. `sent`: the SHA-256 of what was uploaded, where the bucket keeps it
    without its metadata and the blob is therefore another.
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
    title: Title = ""
    alt: AltText = ""
    content: Identifier | None = None
    by: Uploader = ""
    sent: Sha256 | None = None

    @property
    def content_version(self) -> str:
        """The version that brought the bytes: what people count as a version of the image."""
        return self.content or self.version

    @property
    def bucket(self) -> str:
        return self.blob.bucket


class Tombstone(Struct, frozen=True):
    """All versions of an asset up to `version` are deleted; it outlives the slowest replica.

    Until `purge_at` nodes keep the bytes in their trash, and a restore brings them back; 0: not at all.
    With `of` only one version of that asset is: all records whose `content_version` is `version`; `asset_id`
    is then `version_id(of, version)`. `moved_to`: the asset that has the bytes from now on, after a rename; a
    node that has not heard of its records yet keeps the bytes for a while.
    """

    asset_id: Identifier
    bucket: BucketName
    public_id: str
    set: Label
    version: Identifier
    deleted_at: Milliseconds
    purge_at: Milliseconds = 0
    of: Identifier | None = None
    moved_to: Identifier | None = None

    @property
    def of_asset(self) -> str:
        """The asset it is about."""
        return self.of or self.asset_id

    def covers(self, record: AssetRecord) -> bool:
        """Whether this record is deleted by it."""
        if self.of is None:
            return record.asset_id == self.asset_id and record.version <= self.version
        return record.asset_id == self.of and record.content_version == self.version


class Location(Struct, frozen=True):
    """A node holds a blob: when it was fsynced there, and when its bytes were last verified."""

    node: Label
    region: Label
    fsynced_at: Milliseconds
    verified_at: Milliseconds
