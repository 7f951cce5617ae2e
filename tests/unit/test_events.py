"""Events and heartbeats: what a node seals is opened as it was; everything else is refused."""

from __future__ import annotations

import json

import msgspec
import pytest
from heartbeat_maker import a_beat, sealed
from hypothesis import given
from hypothesis import strategies as st
from record_maker import SHA, a_record, a_tombstone

from atoll.events import (
    KINDS,
    MAX_EVENT_BYTES,
    SCHEMA_HEADER,
    SIGNATURE_HEADER,
    AssetDeleted,
    BadEvent,
    BlobDeleted,
    BlobReplicated,
    BlobStored,
    JobMade,
    JobTask,
    kind_of,
    open_event,
    open_heartbeat,
    parked_subject,
    seal_event,
    stream_of,
    stream_subjects,
    subject_of,
)
from atoll.jobs import JobFacts, TaskOutcome
from atoll.signing import Keys, seal

KEYS = Keys(b"k" * 32)
OTHER = Keys(b"x" * 32)
WHO = ("2" * 26, 1_800_000_000_000, "eu-1", "eu", "s1")
STORED = BlobStored(*WHO, a_record())
EVENTS = [
    STORED,
    BlobReplicated(*WHO, "photos", SHA, "jpg", 1234),
    BlobDeleted(*WHO, "photos", SHA, "jpg", "deleted"),
    AssetDeleted(*WHO, a_tombstone()),
    JobMade(*WHO, JobFacts("3" * 26, "upload", "photos", "cats/tom", "web", 1_800_000_000_000, 1, 1)),
    JobTask(*WHO, TaskOutcome("3" * 26, 0, "done", 1, 1, 0)),
]


@pytest.mark.parametrize("event", EVENTS, ids=KINDS)
def test_an_event_comes_back_as_it_was(event):
    body, headers = seal_event(event, KEYS)
    assert open_event(subject_of(event), body, headers, KEYS) == event
    assert headers["Nats-Msg-Id"] == event.id


@pytest.mark.parametrize(("event", "kind"), list(zip(EVENTS, KINDS, strict=True)), ids=KINDS)
def test_the_subject_says_region_kind_and_set(event, kind):
    assert kind_of(event) == kind
    assert subject_of(event) == f"atoll.eu.{kind}.s1"


def test_a_regions_stream_keeps_all_its_events_and_what_is_parked():
    kept = [subject.removesuffix(".>") for subject in stream_subjects("eu")]
    for subject in [*map(subject_of, EVENTS), parked_subject("eu", "indexer")]:
        assert any(subject.startswith(prefix + ".") for prefix in kept)
    assert stream_of("eu-west") == "ATOLL_EU-WEST"


def forged(subject=None, body=None, headers=None, keys=KEYS, reseal=False):
    """STORED as published, with one thing changed; `reseal`: by somebody who knows the secret."""
    real_body, real_headers = seal_event(STORED, KEYS)
    subject = subject or subject_of(STORED)
    body = real_body if body is None else body
    headers = real_headers | (headers or {})
    if reseal:
        headers[SIGNATURE_HEADER] = seal(keys.event, subject, body)
    return subject, body, {k: v for k, v in headers.items() if v is not None}


def without(*names):
    document = json.loads(seal_event(STORED, KEYS)[0])
    for name in names:
        del document[name]
    return json.dumps(document).encode()


def having(**members):
    return json.dumps(json.loads(seal_event(STORED, KEYS)[0]) | members).encode()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (forged(headers={SIGNATURE_HEADER: None}), "signature"),
        (forged(headers={SIGNATURE_HEADER: ""}), "signature"),
        (forged(headers={SIGNATURE_HEADER: "ü" * 43}), "signature"),
        (forged(body=seal_event(STORED, KEYS)[0] + b" "), "signature"),
        (forged(body=having(node="eu-2")), "signature"),
        (forged(subject="atoll.us.blob.stored.s1"), "signature"),
        (forged(subject="atoll.eu.blob.stored.s2"), "signature"),
        (forged(keys=OTHER, reseal=True), "signature"),
        (forged(headers={SCHEMA_HEADER: None}), "schema 'missing'"),
        (forged(headers={SCHEMA_HEADER: "2"}), "schema '2'"),
        (forged(subject="atoll.us.blob.stored.s1", reseal=True), "came on"),
        (forged(subject="atoll.eu.blob.deleted.s1", reseal=True), "came on"),
        (forged(body=b"", reseal=True), "truncated"),
        (forged(body=b"\xff\xfe", reseal=True), "malformed"),
        (forged(body=b"{}", reseal=True), "kind"),
        (forged(body=b"[]", reseal=True), "array"),
        (forged(body=having(kind="blob.eaten"), reseal=True), "blob.eaten"),
        (forged(body=having(id="../../etc/passwd"), reseal=True), "id"),
        (forged(body=having(region="eu.>"), reseal=True), "region"),
        (forged(body=having(at=-1), reseal=True), "at"),
        (forged(body=without("asset"), reseal=True), "asset"),
        (forged(body=b" " * MAX_EVENT_BYTES + seal_event(STORED, KEYS)[0], reseal=True), "more than"),
    ],
)
def test_every_kind_of_forgery_is_refused_with_its_reason(message, reason):
    with pytest.raises(BadEvent, match=reason):
        open_event(*message, KEYS)


def test_a_message_without_headers_is_refused():
    with pytest.raises(BadEvent):
        open_event(subject_of(STORED), seal_event(STORED, KEYS)[0], None, KEYS)


@given(st.binary(max_size=300))
def test_any_bytes_with_a_right_signature_are_an_event_or_refused(body):
    message = forged(body=body, reseal=True)
    with pytest.raises(BadEvent):
        open_event(*message, KEYS)


@pytest.mark.parametrize(
    "member",
    [{"sha256": "../" + SHA[3:]}, {"sha256": SHA.upper()}, {"ext": "svg"}, {"bucket": "a/b"}, {"size": -1}],
)
def test_a_record_whose_blob_is_outside_its_grammar_is_refused(member):
    document = json.loads(seal_event(STORED, KEYS)[0])
    document["asset"]["blob"] |= member
    with pytest.raises(BadEvent):
        open_event(*forged(body=json.dumps(document).encode(), reseal=True), KEYS)


def test_a_member_of_a_later_version_is_passed_over():
    assert open_event(*forged(body=having(colour="blue"), reseal=True), KEYS) == STORED


def test_the_largest_record_still_fits_an_event():
    long = a_record(
        public_id="ü" * 127,
        tags=tuple("ü" * 60 + f"{n:02}" for n in range(32)),
        context={"ü" * 60 + f"{n:02}": "\u0001" * 256 for n in range(32)},
        filename="\U0001f600" * 63,
    )
    body, headers = seal_event(BlobStored(*WHO, long), KEYS)
    assert len(body) <= MAX_EVENT_BYTES
    assert open_event(subject_of(STORED), body, headers, KEYS).asset == long


def test_a_heartbeat_comes_back_as_it_was():
    beat = a_beat(inodes_free=5)
    assert open_heartbeat(*sealed(beat, KEYS), KEYS) == beat
    assert open_heartbeat(*sealed(a_beat(), KEYS), KEYS).inodes_free is msgspec.UNSET


def test_a_heartbeat_is_bound_to_its_subject_its_body_and_the_secret():
    subject, body, headers = sealed(a_beat(), KEYS)
    for message in [
        ("atoll.heartbeat.us.eu-1", body, headers),
        (subject, body.replace(b"0.25", b"0.01"), headers),
        (subject, body, None),
        (subject, body, {}),
        sealed(a_beat(), OTHER),
    ]:
        with pytest.raises(BadEvent, match="signature"):
            open_heartbeat(*message, KEYS)


def test_a_sealed_heartbeat_on_another_nodes_subject_is_refused():
    subject, body, _ = "atoll.heartbeat.eu.eu-2", *sealed(a_beat(), KEYS)[1:]
    with pytest.raises(BadEvent, match="came on"):
        open_heartbeat(subject, body, {SIGNATURE_HEADER: seal(KEYS.event, subject, body)}, KEYS)


def test_an_event_is_no_heartbeat():
    body, headers = seal_event(STORED, KEYS)
    with pytest.raises(BadEvent):
        open_heartbeat(subject_of(STORED), body, headers, KEYS)


def test_an_event_of_a_newer_version_with_more_to_say_is_understood():
    assert open_event(*forged(body=having(news={"of": 2027}), reseal=True), KEYS) == STORED
