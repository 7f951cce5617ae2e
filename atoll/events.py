"""Events: what travels on NATS, its subjects, and how it is sealed. Pure.

A subject carries the region an event comes from: `atoll.<region>.<kind>.<set>`, kept by that region's
own stream. Every event carries all a consumer needs and a signature made from the cluster secret, so
that access to NATS alone forges nothing. `open_event` refuses anything else with `BadEvent`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from atoll.heartbeat import Heartbeat
from atoll.ids import hashed_id
from atoll.jobs import JobFacts, TaskOutcome
from atoll.model import (
    AssetRecord,
    BucketName,
    Extension,
    Identifier,
    Label,
    Milliseconds,
    Sha256,
    Size,
    Tombstone,
)
from atoll.signing import Keys, seal, seal_matches

SCHEMA = 1
SIGNATURE_HEADER = "Atoll-Signature"
SCHEMA_HEADER = "Atoll-Schema"
MAX_EVENT_BYTES = 64 * 1024
MAX_RECEIPTS = 64  # told of in one message


class BadEvent(ValueError):
    """A message that is no event of ours: malformed, unsigned, or of a schema we do not know."""


class _Event(Struct, frozen=True, tag_field="kind"):
    """Fields of every event: its id (also its Nats-Msg-Id), when, and which node says so."""

    id: Identifier
    at: Milliseconds
    node: Label
    region: Label
    set: Label


class BlobStored(_Event, frozen=True, tag="blob.stored"):
    """An upload is durable on `node`; the other nodes of the set pull it."""

    asset: AssetRecord


class Receipt(Struct, frozen=True, omit_defaults=True):
    """Another blob that the same node holds, and since when."""

    id: Identifier
    at: Milliseconds
    bucket: BucketName
    sha256: Sha256
    ext: Extension
    size: Size


class BlobReplicated(_Event, frozen=True, omit_defaults=True, tag="blob.replicated"):
    """`node` holds the blob, verified and fsynced: a pull, or a repair of its own copy.

    In a rush a node tells of several in one message: `more` are the others (`gathered`, `apart`).
    """

    bucket: BucketName
    sha256: Sha256
    ext: Extension
    size: Size
    more: Annotated[tuple[Receipt, ...], Meta(max_length=MAX_RECEIPTS - 1)] = ()


class BlobDeleted(_Event, frozen=True, tag="blob.deleted"):
    """`node` holds the blob no more: a delete's receipt, or a bad copy put into quarantine."""

    bucket: BucketName
    sha256: Sha256
    ext: Extension
    reason: str


class AssetDeleted(_Event, frozen=True, tag="asset.deleted"):
    """A tombstone: every node of the set applies it."""

    tombstone: Tombstone


class JobMade(_Event, frozen=True, tag="job.made"):
    """An upload has begun a job: work for the processors is in the queue."""

    job: JobFacts


class JobTask(_Event, frozen=True, tag="job.task"):
    """How far a task of a job is, or how it ended."""

    outcome: TaskOutcome


Event = BlobStored | BlobReplicated | BlobDeleted | AssetDeleted
JobEvent = JobMade | JobTask
AnyEvent = Event | JobEvent
KINDS: tuple[str, ...] = (
    "blob.stored", "blob.replicated", "blob.deleted", "asset.deleted", "job.made", "job.task",
)  # fmt: skip

_decoder = msgspec.json.Decoder(AnyEvent)
_receipt_decoder = msgspec.json.Decoder(BlobReplicated)
_heartbeat_decoder = msgspec.json.Decoder(Heartbeat)
_encoder = msgspec.json.Encoder()


def kind_of(event: AnyEvent) -> str:
    """The event's kind, as in its subject."""
    return str(event.__struct_config__.tag)


def subject_of(event: AnyEvent) -> str:
    """The subject an event is published on."""
    return f"atoll.{event.region}.{kind_of(event)}.{event.set}"


def is_receipt(subject: str) -> bool:
    """Whether an event of this subject only says that a copy is held: news for the catalog, no work to do."""
    return ".blob.replicated." in subject


def gathered(receipts: Sequence[BlobReplicated]) -> BlobReplicated:
    """One event that tells of all (at most MAX_RECEIPTS, of one node). Its id follows from all of theirs: the
    stream drops a repetition, and nothing that tells of others too."""
    first, *others = receipts
    if not others:
        return first
    together = hashed_id(first.at, *(receipt.id for receipt in receipts))
    more = tuple(Receipt(r.id, r.at, r.bucket, r.sha256, r.ext, r.size) for r in others)
    return structs.replace(first, id=together, more=more)


def apart(event: Event) -> Iterator[Event]:
    """The event as if each blob had been told of by itself."""
    yield event
    if isinstance(event, BlobReplicated):
        for other in event.more:
            yield structs.replace(event, **structs.asdict(other), more=())


def open_receipt(body: bytes) -> BlobReplicated:
    """What a node has written into its own outbox; `BadEvent` for anything else."""
    try:
        return _receipt_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise BadEvent(str(error)) from error


def encode_event(event: AnyEvent) -> bytes:
    """The body of an event."""
    return _encoder.encode(event)


def stream_of(region: str) -> str:
    """The name of a region's stream."""
    return f"ATOLL_{region.upper()}"


def stream_subjects(region: str) -> list[str]:
    """What a region's stream keeps: its events, and what its consumers parked."""
    return [f"atoll.{region}.{kind}.>" for kind in ("blob", "asset", "job", "parked")]


def parked_subject(region: str, consumer: str) -> str:
    """Where a consumer puts a message that it can never process."""
    return f"atoll.{region}.parked.{consumer}"


def heartbeat_subject(region: str, node: str) -> str:
    """Core NATS, not kept."""
    return f"atoll.heartbeat.{region}.{node}"


ALL_HEARTBEATS = "atoll.heartbeat.*.*"


def event_headers(event_id: str, subject: str, body: bytes, keys: Keys) -> dict[str, str]:
    """The headers of an event as published."""
    return {
        "Nats-Msg-Id": event_id,
        SCHEMA_HEADER: str(SCHEMA),
        SIGNATURE_HEADER: seal(keys.event, subject, body),
    }


def seal_event(event: AnyEvent, keys: Keys) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an event as published."""
    body = _encoder.encode(event)
    return body, event_headers(event.id, subject_of(event), body, keys)


def open_event(subject: str, body: bytes, headers: dict[str, str] | None, keys: Keys) -> AnyEvent:
    """The event in a message; `BadEvent` says what is wrong with it."""
    headers = headers or {}
    if headers.get(SCHEMA_HEADER) != str(SCHEMA):
        raise BadEvent(f"schema {headers.get(SCHEMA_HEADER, 'missing')!r}, this version speaks {SCHEMA}")
    if len(body) > MAX_EVENT_BYTES:
        raise BadEvent(f"{len(body)} bytes, more than {MAX_EVENT_BYTES}")
    if not seal_matches(keys.event, subject, body, headers.get(SIGNATURE_HEADER, "")):
        raise BadEvent("the signature is missing or wrong")
    try:
        event: AnyEvent = _decoder.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadEvent(str(error)) from error
    if subject_of(event) != subject:
        raise BadEvent(f"an event for {subject_of(event)} came on {subject}")
    return event


def seal_heartbeat(beat: Heartbeat, keys: Keys) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a heartbeat as published."""
    body = _encoder.encode(beat)
    return body, {SIGNATURE_HEADER: seal(keys.event, heartbeat_subject(beat.region, beat.node), body)}


def open_heartbeat(subject: str, body: bytes, headers: dict[str, str] | None, keys: Keys) -> Heartbeat:
    """The heartbeat in a message, or `BadEvent`."""
    if not seal_matches(keys.event, subject, body, (headers or {}).get(SIGNATURE_HEADER, "")):
        raise BadEvent("the signature is missing or wrong")
    try:
        beat = _heartbeat_decoder.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadEvent(str(error)) from error
    if heartbeat_subject(beat.region, beat.node) != subject:
        raise BadEvent(f"a heartbeat of {beat.node} came on {subject}")
    return beat
