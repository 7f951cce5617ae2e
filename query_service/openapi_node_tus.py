"""Resumable uploads (tus 1.0.0) on a storage node, as operations of an OpenAPI document. Pure."""

from __future__ import annotations

from msgspec import Struct

from atoll.errors import (
    BodyMismatch,
    BodyTimeout,
    Conflict,
    EmptyBody,
    Forbidden,
    Gone,
    NodeRemoved,
    NoSpace,
    NotAnImage,
    NotFound,
    Overloaded,
    TicketExpired,
    TicketInvalid,
    TicketReplayed,
    TooLarge,
    TooManyPixels,
    TypeMismatch,
    Unavailable,
    Undecodable,
    WrongNode,
)
from atoll.node_api import AssetView
from atoll.tus_errors import ChecksumMismatch, OffsetMismatch, TusVersion, UploadLocked
from query_service.openapi import OPEN, Answer, Operation

_OFFSET = {"Upload-Offset": "How many bytes are durable.", "Upload-Expires": "When it is forgotten."}
_ASSET = {
    "Upload-Asset-Id": "The asset, once the last byte came.",
    "Upload-Asset-Sha256": "Its hash.",
    "Upload-Asset-Complete": "Whether it is as durable as the ticket asks for.",
}
_OFFER = {"Tus-Version": "1.0.0", "Tus-Extension": "Which.", "Tus-Max-Size": "In bytes."}
_BYTES = "application/offset+octet-stream"
_KNOWN = (Forbidden, NotFound, Gone, NodeRemoved, Unavailable)
_TAKING = (
    TooLarge, Conflict, TicketReplayed, EmptyBody, BodyMismatch, BodyTimeout, ChecksumMismatch, UploadLocked,
    NotAnImage, TypeMismatch, Undecodable, TooManyPixels, NoSpace, Overloaded, Unavailable, Forbidden,
)  # fmt: skip


class ResumableUpload(Struct, frozen=True):
    """A resumable upload. `asset`: once it became one."""

    offset: int
    length: int
    expires_at: str
    asset: AssetView | None


def _on_one(method: str, says: str, answers: dict[int, Answer], **more: object) -> Operation:
    return Operation(
        method,
        "/v1/tus/{id}",
        None,
        says,
        answers,
        ("token",),
        tag="resumable",
        needed=("token",),
        security=({"upload": ()},),
        **more,  # type: ignore[arg-type]  # fields of Operation, by name
    )


RESUMABLE = (
    Operation(
        "POST",
        "/v1/tus",
        None,
        "Begin a resumable upload (creation, creation-with-upload, concatenation)",
        {
            201: Answer(
                "Begun; it goes on at `Location`. With the last bytes already here: the asset",
                headers={"Location": "The upload's own URL.", **_OFFSET},
            )
        },
        ("ticket",),
        tag="resumable",
        needed=("ticket",),
        problems=(TicketInvalid, TicketExpired, WrongNode, NodeRemoved, TusVersion, *_TAKING, NotFound, Gone),
        security=({"ticket": ()},),
        request_headers=("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Concat"),
    ),
    Operation(
        "OPTIONS",
        "/v1/tus",
        None,
        "What is offered: version, extensions, the largest upload",
        {204: Answer("In headers", headers=_OFFER)},
        ("ticket",),
        tag="resumable",
        problems=(TicketInvalid, TicketExpired, WrongNode, NodeRemoved, Unavailable),
        security=(*OPEN, {"ticket": ()}),
    ),
    _on_one("OPTIONS", "The same, of one upload", {204: Answer("In headers")}),
    _on_one(
        "HEAD",
        "How far it is",
        {200: Answer("In headers", headers={**_OFFSET, **_ASSET})},
        problems=(*_KNOWN, TusVersion),
        request_headers=("Tus-Resumable",),
    ),
    _on_one(
        "GET",
        "How far it is and what it became, as JSON",
        {200: Answer("How far", ResumableUpload, headers=_OFFSET)},
        problems=_KNOWN,
    ),
    _on_one(
        "PATCH",
        "The next bytes",
        {
            200: Answer("The last bytes came: the asset, for who accepts JSON", AssetView, headers=_ASSET),
            202: Answer("The same, but not yet in as many regions as the ticket asks for", AssetView),
            204: Answer("Durable so far", headers={**_OFFSET, **_ASSET}),
        },
        problems=(*_KNOWN, TusVersion, OffsetMismatch, *_TAKING),
        takes=(_BYTES,),
        request_headers=("Tus-Resumable", "Upload-Offset", "Upload-Checksum"),
    ),
    _on_one(
        "DELETE",
        "Give it up: its bytes are forgotten",
        {204: Answer("Forgotten")},
        problems=(*_KNOWN, TusVersion, Conflict, UploadLocked),
        request_headers=("Tus-Resumable",),
    ),
)  # fmt: skip
