"""What a storage node offers to clients, as operations of an OpenAPI document. Pure.

The query service publishes it, for it is where people look; nodes are asked by the same tests. Routes between
the machines of a cluster (/internal/…) are no interface for others and stand nowhere.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from atoll.errors import (
    BadName,
    BadTransformation,
    BodyMismatch,
    BodyTimeout,
    EmptyBody,
    Forbidden,
    NodeRemoved,
    NoSpace,
    NotAnImage,
    NotFound,
    Overloaded,
    PreconditionFailed,
    RangeNotSatisfiable,
    TicketExpired,
    TicketInvalid,
    TicketReplayed,
    TooLarge,
    TooManyFiles,
    TooManyPixels,
    TypeMismatch,
    Unauthorized,
    Unavailable,
    Undecodable,
    Unrenderable,
    UpstreamFailed,
    WrongNode,
)
from atoll.node_api import AssetView, NodeStatus
from query_service.openapi import OPEN, Answer, Operation, Parameter, ProblemDocument
from query_service.openapi_node_tus import RESUMABLE

_TICKET = ({"ticket": ()},)
_SIGNED = (*OPEN, {"signature": ()})
IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/heic", "image/tiff")
_DOOR = (TicketInvalid, TicketExpired, WrongNode, NodeRemoved, Unavailable, Overloaded)
_BYTES = (
    BadName, EmptyBody, BodyMismatch, BodyTimeout, TooLarge, NotAnImage, TypeMismatch, Undecodable,
    TooManyPixels,
    TicketReplayed, NoSpace, Forbidden,
)  # fmt: skip
_READING = (
    NodeRemoved,
    PreconditionFailed,
    Unauthorized,
    NotFound,
    BadName,
    RangeNotSatisfiable,
    Overloaded,
    UpstreamFailed,
    Unavailable,
)


class FileResult(Struct, frozen=True, omit_defaults=True):
    """One file of a form: its asset, or why it has none."""

    status: int
    asset: AssetView | None = None
    problem: ProblemDocument | None = None


class FormResult(Struct, frozen=True):
    """A result per file, in their order; each stands or falls by itself."""

    results: list[FileResult]


# Two types that no member tells apart: msgspec has no schema for their union.
_EITHER = {"anyOf": [{"$ref": f"#/components/schemas/{kind}"} for kind in ("AssetView", "FormResult")]}
AssetOrResults = Annotated[Any, Meta(extra_json_schema=_EITHER)]

_CACHED = {"ETag": "Of these very bytes.", "Cache-Control": "How long they may be kept."}
_IMAGE = {
    200: Answer("The bytes, checked before the first one leaves", media="image/*", headers=_CACHED),
    206: Answer("A range of them, checked too", media="image/*", headers={"Content-Range": "Which."}),
    304: Answer("Unchanged since `If-None-Match`", headers={"ETag": "Of the bytes."}),
}
_STORED = "Durable here; `durability` says what the ticket asked for and got"
_LATER = "Durable here and kept, but not yet in as many regions as the ticket asks for"

NODE_OPERATIONS = (
    Operation(
        "PUT",
        "/v1/uploads",
        None,
        "Upload one image, its bytes as they are",
        {201: Answer(_STORED, AssetView), 202: Answer(_LATER, AssetView)},
        ("ticket", "file"),
        tag="uploads",
        needed=("ticket",),
        problems=(*_DOOR, *_BYTES),
        security=_TICKET,
        takes=("application/octet-stream", *IMAGES),
        request_headers=("X-Atoll-Filename",),
    ),
    Operation(
        "POST",
        "/v1/uploads",
        None,
        "Upload one or many images as a form, in parts named `file`; a ticket for one file answers the asset",
        {
            201: Answer("All are durable", AssetOrResults),
            202: Answer("All are durable here, some not yet in as many regions as asked for", AssetOrResults),
            207: Answer("Some were refused: a result per file", FormResult),
            303: Answer("The same for a plain form that names a `success_redirect`: to that page"),
        },
        ("ticket", "file"),
        tag="uploads",
        needed=("ticket",),
        problems=(*_DOOR, *_BYTES, TooManyFiles),
        security=_TICKET,
        takes=("multipart/form-data",),
    ),
    *RESUMABLE,
    Operation(
        "GET",
        "/{bucket}/{set}/{blob}",
        None,
        "An image as it was uploaded",
        _IMAGE,
        ("exp", "key", "sig", "net"),
        tag="delivery",
        problems=_READING,
        security=_SIGNED,
        request_headers=("If-None-Match", "If-Match", "Range"),
    ),
    Operation(
        "GET",
        "/{bucket}/{transformation}/{set}/{blob}",
        None,
        "What a transformation makes of it; rendered once, then kept",
        {301: Answer("The same, under its one URL", headers={"Location": "That URL."}), **_IMAGE},
        ("exp", "key", "sig", "net"),
        tag="delivery",
        problems=(*_READING, BadTransformation, Unrenderable, Undecodable, TooLarge, Forbidden),
        security=_SIGNED,
        request_headers=("If-None-Match", "If-Match", "Range", "Accept"),
    ),
    Operation(
        "GET",
        "/v1/exports/{name}",
        None,
        "The file that an export made, by its signed URL; kept for a while only",
        {
            200: Answer("The file", media="application/zip"),
            206: Answer("A range of it", media="application/zip", headers={"Content-Range": "Which."}),
            304: Answer("Unchanged since `If-Modified-Since` or `If-None-Match`"),
        },
        ("exp", "key", "sig", "net"),
        tag="delivery",
        needed=("exp", "sig"),
        problems=(NodeRemoved, Unauthorized, NotFound, RangeNotSatisfiable, PreconditionFailed),
        security=({"signature": ()},),
        request_headers=("Range",),
    ),
    Operation(
        "GET",
        "/health",
        None,
        "Whether this node is ready, takes uploads, and has room",
        {200: Answer("As it is now", NodeStatus)},
        tag="service",
    ),
    Operation(
        "GET",
        "/metrics",
        None,
        "Figures in Prometheus' text form, for the networks in the setting metrics_allow",
        {200: Answer("The figures", media="text/plain")},
        tag="service",
        problems=(Forbidden,),
    ),
)

_Blob = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\.[a-z]+$")]
_SOME = f"{'9f86d081' * 8}.jpg"

NODE_PARAMETERS: dict[str, Parameter] = {
    "ticket": Parameter("The ticket, as in its `upload_url`."),
    "file": Parameter(
        "Which file of a ticket for several this request brings, from 0.", Annotated[int, Meta(ge=0)]
    ),
    "token": Parameter("As in the Location of the creation."),
    "id": Parameter("The upload's id, as in that Location."),
    "bucket": Parameter("The bucket.", example="photos"),
    "set": Parameter("The set that holds the image.", example="main"),
    "blob": Parameter("The image's SHA-256, and the extension of its type.", _Blob, example=_SOME),
    "transformation": Parameter(
        "One or more components, each a segment: `c_fill,h_200,w_200/f_auto`.", example="c_fill,h_200,w_200"
    ),
    "name": Parameter("The file's name, as in its URL."),
    "net": Parameter("Of a signature: the network that it is for.", example="203.0.113.0/24"),
    "exp": Parameter("Of a signature: when it ends, in Unix seconds.", Annotated[int, Meta(ge=1)]),
    "key": Parameter("Of a signature: which key made it."),
    "sig": Parameter("Of a signature: the signature."),
    "X-Atoll-Filename": Parameter("The file's name, percent-encoded UTF-8.", example="beach.jpg"),
    "If-None-Match": Parameter("Answer 304 if the bytes still have this ETag."),
    "If-Match": Parameter("Answer 412 if they have not this one."),
    "Range": Parameter("Only these bytes.", example="bytes=0-1023"),
    "Accept": Parameter("Which formats `f_auto` may answer.", example="image/avif,image/webp"),
    "Tus-Resumable": Parameter("1.0.0", example="1.0.0"),
    "Upload-Length": Parameter("Bytes of the whole.", Annotated[int, Meta(ge=1)], example=1048576),
    "Upload-Offset": Parameter("Where these bytes begin.", Annotated[int, Meta(ge=0)], example=0),
    "Upload-Metadata": Parameter("Pairs of key and base64: filename, filetype.", example="filename YS5qcGc="),
    "Upload-Checksum": Parameter(
        "Algorithm and base64 digest of this request's bytes.",
        example="sha256 n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
    ),
    "Upload-Concat": Parameter("partial, or `final;` and the URLs of the parts.", example="partial"),
}  # fmt: skip
