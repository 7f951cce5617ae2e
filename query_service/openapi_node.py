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
    TooManyRequests,
    TypeMismatch,
    Unauthorized,
    Unavailable,
    Undecodable,
    Unrenderable,
    UpstreamFailed,
    WrongNode,
)
from atoll.node_api import AssetView, NodeStatus
from query_service.openapi import OPEN, Answer, Operation, ProblemDocument
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
        problems=(
            *_READING,
            BadTransformation,
            Unrenderable,
            Undecodable,
            TooLarge,
            Forbidden,
            TooManyRequests,
        ),
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
