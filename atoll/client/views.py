"""What the query service and the monitor answer, as the client reads it. Pure.

Unknown members are ignored and everything a newer or older service may leave out has a default, so that
a client outlives the versions it talks to. Assets and locations are those of `atoll.node_api` and
`atoll.model`.
"""

from __future__ import annotations

from msgspec import Struct

from atoll.bucket import Bucket
from atoll.errors import AtollError
from atoll.model import Location
from atoll.node_api import AssetView


class Limits(Struct, frozen=True):
    """What a ticket allows: bytes per file, files, pixels, extensions. None: the node's own limit."""

    max_bytes: int
    max_files: int = 1
    max_pixels: int | None = None
    allowed: tuple[str, ...] | None = None


class TicketView(Struct, frozen=True):
    """A permission to upload to one node. `upload_url` holds the ticket: whoever has it may upload."""

    upload_url: str
    node: str
    region: str
    asset_id: str
    bucket: str
    expires_at: str
    set: str = ""
    public_id: str | None = None
    ticket: str = ""
    method: str = "PUT"
    limits: Limits | None = None

    def __repr__(self) -> str:
        return f"TicketView(asset_id={self.asset_id!r}, node={self.node!r}, …)"


class Alternative(Struct, frozen=True):
    """One node that may be asked for the bytes; `distance_km` is from the client.

    `unconfirmed`: not known to hold them, it will get them from a peer. `suspect`: no sign of life from it.
    """

    url: str
    node: str
    region: str
    distance_km: float | None = None
    unconfirmed: bool = False
    suspect: bool = False


class Resolved(Struct, frozen=True):
    """Where an asset's bytes are: the nearest node, then the others, best first.

    `expires_at` (RFC 3339) is set when the URLs are signed: those of private buckets, and of derivatives that
    a bucket does not name. With a `transformation` (its canonical text) the URLs lead to what it makes of the
    blob `sha256`; `image_url` is then the query service's own address for the asset's current image.
    """

    url: str
    node: str
    region: str
    sha256: str
    asset_id: str | None = None
    distance_km: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    expires_at: str | None = None
    unconfirmed: bool = False
    suspect: bool = False
    transformation: str | None = None
    image_url: str | None = None

    @property
    def candidates(self) -> tuple[Alternative, ...]:
        """All nodes that may be asked, best first."""
        first = Alternative(
            self.url, self.node, self.region, self.distance_km, self.unconfirmed, self.suspect
        )
        return first, *self.alternatives


class Deleted(Struct, frozen=True):
    """An asset is deleted. `deleted_at` is None when an earlier try, whose answer was lost, did it."""

    asset_id: str
    deleted_at: str | int | None = None
    node: str | None = None


class Locations(Struct, frozen=True):
    """Which nodes hold the blob of an asset's `version` now, and the names of those that should."""

    version: str
    sha256: str
    locations: tuple[Location, ...]
    expected: tuple[str, ...] = ()

    @property
    def regions(self) -> frozenset[str]:
        """The regions with at least one copy."""
        return frozenset(location.region for location in self.locations)

    @property
    def missing(self) -> frozenset[str]:
        """The nodes that should hold it and do not yet."""
        return frozenset(self.expected) - {location.node for location in self.locations}


class NodeView(Struct, frozen=True):
    """A node as seen now. What only its heartbeat says is None while there is none."""

    name: str
    region: str
    set: str
    url: str = ""
    state: str = "active"
    health: str = "unknown"
    age_ms: int | None = None
    read_only: bool | None = None
    load: float | None = None
    bytes_total: int | None = None
    bytes_free: int | None = None
    blobs: int | None = None
    outbox: int | None = None
    outbox_age_ms: int | None = None
    wanted: int | None = None
    quarantined: int | None = None
    version: str | None = None


class MemberView(Struct, frozen=True):
    """A node as a member of its set."""

    node: str
    region: str
    health: str = "unknown"
    writable: bool = False
    bytes_free: int | None = None


class SetView(Struct, frozen=True):
    """A replica set and its nodes; `bytes_free` is that of its fullest."""

    name: str
    sealed: bool = False
    writable: bool = False
    healthy: int = 0
    bytes_free: int | None = None
    members: tuple[MemberView, ...] = ()


class RegionView(Struct, frozen=True):
    """A region, and the names of its nodes."""

    name: str
    lat: float
    lon: float
    nodes: tuple[str, ...] = ()
    healthy: int = 0


class AssetPage(Struct, frozen=True):
    """One page of a listing; `next_cursor` is None on the last."""

    assets: tuple[AssetView, ...]
    next_cursor: str | None = None


class NodeList(Struct, frozen=True):
    """All nodes."""

    nodes: tuple[NodeView, ...]


class SetList(Struct, frozen=True):
    """All sets."""

    sets: tuple[SetView, ...]


class RegionList(Struct, frozen=True):
    """All regions."""

    regions: tuple[RegionView, ...]


class KeptBucket(Bucket, frozen=True, kw_only=True):
    """A bucket's policy as it is kept, and what names it (`etag`, for `put_bucket`'s `if_etag`)."""

    etag: str = ""


class BucketList(Struct, frozen=True):
    """All buckets."""

    buckets: tuple[KeptBucket, ...]


ResolveResult = Resolved | AtollError
