"""What nodes answer and are asked: the wire types of uploads and of the internal API. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from atoll.heartbeat import NodeWord
from atoll.model import (
    AssetRecord,
    BucketName,
    Extension,
    Face,
    Identifier,
    Label,
    Location,
    Milliseconds,
    Sha256,
    Size,
    Tombstone,
)
from atoll.names import CONTENT_TYPES, Handle, blob_path

MAX_TRASH_SECONDS = 366 * 86_400
MAX_PULLS_TOGETHER = 64  # orders in one request
TOGETHER_BYTES = 2**20  # of all small blobs that a peer gives in one answer


def rfc3339(at_ms: int) -> str:
    """Unix milliseconds as people and RFC 3339 write them, in UTC."""
    stamp = datetime.fromtimestamp(at_ms / 1000, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class DurabilityView(Struct, frozen=True):
    """What an upload asked for, and the regions that had confirmed when it was answered."""

    wanted: str
    confirmed: tuple[str, ...]
    complete: bool


class JobStarted(Struct, frozen=True):
    """The job that an upload in the background began: `path` on any query service tells how far it is."""

    id: str
    path: str
    state: Literal["queued"] = "queued"


class AssetView(Struct, frozen=True):
    """An asset as the APIs show it. `path` is the same on every node; `url` is on one of them.

    `thumbhash` (base64), `blurhash` and `color` (#rrggbb) stand in for the picture until it is there; "" in
    images that were stored before Atoll made them. `faces`: null where nobody looked for any. `stripped`: the
    bucket keeps no metadata, so the bytes are not those that were sent; their SHA-256 is `sent_sha256`.
    """

    asset_id: str
    bucket: str
    public_id: str
    version: str
    set: str
    sha256: str
    format: str
    content_type: str
    bytes: int
    width: int
    height: int
    frames: int
    handle: str
    path: str
    url: str
    created_at: str
    tags: tuple[str, ...]
    context: dict[str, str]
    filename: str | None
    locations: tuple[Location, ...] = ()
    durability: DurabilityView | UnsetType = UNSET
    thumbhash: str = ""
    blurhash: str = ""
    color: str = ""
    faces: tuple[Face, ...] | None = None
    title: str = ""
    alt: str = ""
    stripped: bool = False
    sent_sha256: str | None = None
    job: JobStarted | UnsetType = UNSET


def handle_of(record: AssetRecord) -> Handle:
    """The handle of the bytes behind a record."""
    return Handle(record.set, record.blob.sha256, record.blob.ext)


def view_of(record: AssetRecord, base_url: str, locations: tuple[Location, ...] = ()) -> AssetView:
    """`record` as shown, with its URL on the node (or site) at `base_url`."""
    blob, handle = record.blob, handle_of(record)
    path = blob_path(record.bucket, handle)
    return AssetView(
        asset_id=record.asset_id,
        bucket=record.bucket,
        public_id=record.public_id,
        version=record.version,
        set=record.set,
        sha256=blob.sha256,
        format=blob.ext,
        content_type=CONTENT_TYPES[blob.ext],
        bytes=blob.size,
        width=blob.picture.width,
        height=blob.picture.height,
        frames=blob.picture.frames,
        handle=str(handle),
        path=path,
        url=base_url + path,
        created_at=rfc3339(record.created_at),
        tags=record.tags,
        context=record.context,
        filename=record.filename,
        locations=locations,
        thumbhash=blob.picture.thumbhash,
        blurhash=blob.picture.blurhash,
        color=blob.picture.color,
        faces=blob.picture.faces,
        title=record.title,
        alt=record.alt,
        stripped=record.sent is not None,
        sent_sha256=record.sent,
    )


class PullOrder(Struct, frozen=True):
    """To a node: hold this asset's bytes. `sources` are nodes to try, best first."""

    asset: AssetRecord
    sources: tuple[Label, ...]


class BlobName(Struct, frozen=True):
    """To a peer: one of several small blobs, which it gives in one answer if it has them."""

    bucket: BucketName
    sha256: Sha256
    ext: Extension


class PullResult(Struct, frozen=True):
    """`stored`: pulled, verified, durable. `present`: it was. `deleted`: a tombstone here forbids it."""

    status: Literal["stored", "present", "deleted"]
    source: Label | None = None


class PullAnswer(Struct, frozen=True):
    """What became of one of several pull orders: its result, or the problem document that says why not."""

    result: PullResult | None = None
    problem: dict[str, Any] | None = None


class DeleteOrder(Struct, frozen=True):
    """To any node of the asset's set: make the tombstone. Repeating it is harmless.

    `seen` is the newest version that whoever deletes has seen: the tombstone covers it even if the node has
    not heard of it yet.
    `trash_seconds`: how long a restore stays possible, instead of the node's own setting; 0 erases at once.
    `only_seen`: nothing is deleted if the node knows a newer version than `seen`.
    """

    asset_id: str
    bucket: str
    public_id: str
    set: Label
    trash_seconds: Annotated[int, Meta(ge=0, le=MAX_TRASH_SECONDS)] | None = None
    seen: Identifier | None = None
    only_seen: bool = False


class DeleteResult(Struct, frozen=True):
    """The tombstone as it now stands, durable on `node`.

    `earlier`: an earlier delete made it. What came after it may lie on other nodes, unheard of on this one.
    """

    tombstone: Tombstone
    node: Label
    earlier: bool = False


class WantedOrder(Struct, frozen=True):
    """To the replicator's own node: remember durably that these bytes are still missing, and why."""

    asset: AssetRecord
    reason: str


class WantedItem(Struct, frozen=True):
    """One blob a node lacks: since when, how often tried, the last reason, when to try again."""

    asset: AssetRecord
    since: Milliseconds
    tries: int
    reason: str
    due_at: Milliseconds


class AssetState(Struct, frozen=True):
    """All a node knows of one asset: its records, newest first, and its tombstone.

    Asked for by itself, or in pages (repair_api.StatesPage), only as many records as fit one answer.
    """

    records: tuple[AssetRecord, ...]
    tombstone: Tombstone | None = None


class NodeStatus(Struct, frozen=True):
    """A node's answer to GET /health. Every daemon says its `name` there: nobody takes it for another."""

    name: str
    region: str
    set: str
    state: NodeWord
    read_only: bool
    bytes_free: Size
