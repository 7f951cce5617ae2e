"""Shapes and parameters that the OpenAPI document names beyond the wire types: what handlers put together in
place, and every name that stands in a path or a query string. Pure.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from atoll.model import Extension, Label, Location
from atoll.node_api import AssetView
from atoll.transformation.thumbnail_style import FITS
from atoll.uploaders import Session
from query_service.bucket_match import KeptBucket
from query_service.cluster_wire import NodeView, RegionView, SetView
from query_service.color_families import FAMILIES
from query_service.openapi import Parameter, ProblemDocument
from query_service.search_wire import Figure, Orientation, Sort
from query_service.wire import Latitude, Longitude


class AssetPage(Struct, frozen=True):
    """One page of a listing or search; `next_cursor` asks for the next, null at the end. With `fields` each
    asset has those members only.
    """

    assets: list[AssetView]
    next_cursor: str | None


class Locations(Struct, frozen=True):
    """The version that is meant, who holds its bytes, confirmed, and the names of the nodes that should."""

    version: str
    sha256: str
    locations: list[Location]
    expected: list[str]


class Unresolved(Struct, frozen=True):
    """The answer to an item that could not be resolved."""

    problem: ProblemDocument


# A union of types that no member tells apart: msgspec has no schema for it.
_EITHER = {"anyOf": [{"$ref": f"#/components/schemas/{kind}"} for kind in ("Resolved", "Unresolved")]}


class ResolveResults(Struct, frozen=True):
    """One result per item, in order."""

    results: list[Annotated[Any, Meta(extra_json_schema=_EITHER)]]


class NodeList(Struct, frozen=True):
    """Every node that the cluster map knows, removed ones too."""

    nodes: list[NodeView]


class SetList(Struct, frozen=True):
    """Every replica set."""

    sets: list[SetView]


class RegionList(Struct, frozen=True):
    """Every region."""

    regions: list[RegionView]


class BucketList(Struct, frozen=True):
    """Every bucket."""

    buckets: list[KeptBucket]


class ServiceHealthView(Struct, frozen=True):
    """This service, and whether it sees its engines (nats, mongodb, redis)."""

    status: Literal["ok", "degraded"]
    name: str
    region: str
    version: str
    engines: dict[str, bool]
    nodes: int
    healthy_nodes: int


Count = Annotated[int, Meta(ge=1)]

PARAMETERS = {
    "asset_id": Parameter(
        "The asset's id.",
        Annotated[str, Meta(pattern="^[0-9a-z]{26}$")],
        example="06f9b1q3k7m2p4r6t8v0w2x4yz",
    ),
    "version": Parameter(
        "A version of the asset, as its list of versions says it.",
        Annotated[str, Meta(pattern="^[0-9a-z]{26}$")],
        example="06f9b1q3k7m2p4r6t8v0w2x4yz",
    ),
    "job": Parameter(
        "The job's id.", Annotated[str, Meta(pattern="^[0-9a-z]{26}$")], example="06f9b1q3k7m2p4r6t8v0w2x4yz"
    ),
    "overwrite": Parameter("Whether an asset of this name gets a new version (default); else: 409.", bool),
    "hook": Parameter("The webhook's id.", example="06f9b1q3k7m2p4r6t8v0w2x4yz"),
    "delivery": Parameter("The delivery's id.", example="9f86d081884c7d659a2feaa0c55ad015"),
    "bucket": Parameter("The bucket.", example="photos"),
    "public_id": Parameter("The asset's name in its bucket.", example="holiday/beach"),
    "name": Parameter(
        "The public_id, with or without an extension; before it, if wanted, a transformation "
        "(`c_fill,w_200/e_sepia/`). Behind a transformation that names no format the extension asks for one.",
        example="c_fill,h_200,w_200/holiday/beach.jpg",
    ),
    "t": Parameter(
        "A transformation, as docs/transformations.md has it.", example="c_fill,g_auto,h_200,w_200"
    ),
    "w": Parameter("The older style: width of the box, in pixels.", Count),
    "h": Parameter("The older style: height of the box, in pixels.", Count),
    "fit": Parameter("The older style: how the image comes into the box.", Literal[tuple(FITS)]),
    "exp": Parameter("Of a signature: when it ends, in Unix seconds.", Count),
    "sig": Parameter("Of a signature: the signature."),
    "lat": Parameter("Where the client is: latitude, in degrees; together with lon.", Latitude),
    "lon": Parameter("Longitude, in degrees.", Longitude),
    "region": Parameter("Where the client is, by the name of a region.", example="eu-central"),
    "net": Parameter("The network (203.0.113.0/24, 2001:db8::/48) whose clients alone a signed URL is for."),
    "expires_in": Parameter("How many seconds the URL of a private image shall be valid.", Count),
    "files": Parameter("How many files the ticket shall be good for.", Count),
    "max_bytes": Parameter("Most bytes per file; may only lower what bucket and service allow.", Count),
    "tags": Parameter("Tags, separated by commas."),
    "durability": Parameter("How many regions must have it before the 201: local, regions:N or all."),
    "prefix": Parameter("Only public_ids that start with this."),
    "limit": Parameter("Most items in one page.", Count),
    "async": Parameter("Whether the answer comes before what is made of the image is made.", bool),
    "session": Parameter("A visitor of the application that has the key, in its own words.", Session),
    "upload_key": Parameter("What was uploaded with tickets that this upload key signed.", Label),
    "seconds": Parameter("How long the stream lasts; 0: one event.", Annotated[int, Meta(ge=0, le=300)]),
    "cursor": Parameter("The `next_cursor` of the page before."),
    "format": Parameter("Only images of this type.", Extension),
    "orientation": Parameter("Only images of this shape, as displayed; square is exactly so.", Orientation),
    "color": Parameter(
        f"Only images whose main colour is of this family: {', '.join(FAMILIES)}; or a colour's name in CSS, "
        "or #rrggbb, whose family is meant."
    ),
    "has_faces": Parameter("Only images in which faces were looked for and found, or not found.", bool),
    "min_bytes": Parameter("Only images of at least so many bytes.", Figure),
    "min_width": Parameter("Only images at least so many pixels wide.", Figure),
    "max_width": Parameter("Only images at most so many pixels wide.", Figure),
    "min_height": Parameter("Only images at least so many pixels high.", Figure),
    "max_height": Parameter("Only images at most so many pixels high.", Figure),
    "created_after": Parameter("Only images uploaded at this time (RFC 3339, or a date in UTC) or later."),
    "created_before": Parameter("Only images uploaded before this time."),
    "q": Parameter("Words; each begins a word of the title, the alternative text or the public_id."),
    "sort": Parameter("The order; a minus turns it round. Without it public_id, with `q` -created_at.", Sort),
    "fields": Parameter("Only these members of each asset, separated by commas."),
    "force": Parameter("Whether everything in it shall be deleted, too.", bool),
    "title": Parameter("A title, at most 256 characters."),
    "alt": Parameter("The alternative text, at most 1,024 characters."),
    "context": Parameter("key=value|key=value; \\ before |, = and \\ themselves.", example="source=camera"),
    "If-Match": Parameter(
        "Only if this is the asset's `version`, or the bucket's `etag`, in quotes; else 412."
    ),
    "Prefer": Parameter(
        "`wait=N` (RFC 7240): hold this for at most N seconds while the upload is under way, 0: not at all.",
        example="wait=0",
    ),
    "trash_seconds": Parameter(
        "How long a restore stays possible; 0 erases at once.", Annotated[int, Meta(ge=0)]
    ),
    "deep": Parameter("Whether every node shall read and hash the bytes now.", bool),
    "key": Parameter("In a path: the key's name. Of a signature: which key made it."),
    "node": Parameter("The node's name.", example="eu-1"),
    "build": Parameter("Of which build of the web app a file is: it follows from the bytes of all files."),
    "file": Parameter("A file of the web app.", example="main.js"),
    "page": Parameter("A page of the web app.", example="library/photos"),
    "X-Atoll-App": Parameter("Anything: no page of another site can send this header.", example="1"),
    "set": Parameter("The set's name.", example="main"),
}
