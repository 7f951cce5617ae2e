"""Receipts that wait together travel in one message, and mean what they meant one by one."""

from __future__ import annotations

from itertools import count

import pytest

from atoll.events import (
    MAX_EVENT_BYTES,
    MAX_RECEIPTS,
    AssetDeleted,
    BlobReplicated,
    Event,
    apart,
    encode_event,
    gathered,
    open_event,
    subject_of,
)
from atoll.ids import new_id
from atoll.model import Tombstone
from atoll.signing import Keys
from query_service.catalog_fold import documents_of, fold
from storage_node.index_rows import OutboxRow
from storage_node.outbox_messages import messages

KEYS = Keys(b"k" * 32)
_numbers = count(1)


def receipt(at: int = 1_800_000_000_000) -> BlobReplicated:
    sha256 = f"{next(_numbers):064x}"
    return BlobReplicated(new_id(at), at, "node-1", "eu", "s1", "photos", sha256, "jpg", 80_000)


def deleted() -> AssetDeleted:
    stone = Tombstone(new_id(), "photos", "cat", "s1", new_id(), 5)
    return AssetDeleted(new_id(), 5, "node-1", "eu", "s1", stone)


def row(event: Event) -> OutboxRow:
    return OutboxRow(next(_numbers), event.id, subject_of(event), encode_event(event), event.at)


def opened(rows: list[OutboxRow]) -> list[Event]:
    events: list[Event] = []
    for _, kept in messages(rows, KEYS):
        event = open_event(kept.subject, kept.body, kept.headers, KEYS)
        assert isinstance(event, BlobReplicated | AssetDeleted)
        assert kept.headers["Nats-Msg-Id"] == event.id
        events.append(event)
    return events


def test_receipts_go_together_and_other_events_by_themselves() -> None:
    events: list[Event] = [receipt(1), receipt(2), deleted(), deleted(), receipt(3)]
    rows = [row(event) for event in events]
    told = list(messages(rows, KEYS))
    assert [list(message.seqs) for message in told] == [
        [rows[0].seq, rows[1].seq],
        [rows[2].seq],
        [rows[3].seq],
        [rows[4].seq],
    ]


def test_what_was_told_together_is_what_was_told_apart() -> None:
    events: list[Event] = [receipt(at) for at in range(1, 8)]
    together = opened([row(event) for event in events])
    assert len(together) == 1
    assert fold(together) == fold(events)
    assert documents_of(together[0]) == set().union(*map(documents_of, events))
    first, *others = apart(together[0])
    assert isinstance(first, BlobReplicated)
    assert first.sha256 == events[0].sha256  # type: ignore[union-attr]  # receipts, all of them
    assert others == events[1:]


def test_a_full_message_is_within_the_limit_of_events() -> None:
    rows = [row(receipt()) for _ in range(3 * MAX_RECEIPTS + 1)]
    told = list(messages(rows, KEYS))
    assert [len(message.seqs) for message in told] == [MAX_RECEIPTS] * 3 + [1]
    assert all(len(message.kept.body) < MAX_EVENT_BYTES / 2 for message in told)


def test_the_stream_drops_a_repetition_but_nothing_that_tells_of_more() -> None:
    few = [receipt(), receipt()]
    assert gathered(few).id == gathered(few).id
    assert gathered(few).id != gathered([*few, receipt()]).id
    assert gathered(few).id != few[0].id
    assert gathered(few[:1]) == few[0]


@pytest.mark.parametrize("count", [1, 2, MAX_RECEIPTS])
def test_every_row_is_in_exactly_one_message(count: int) -> None:
    rows = [row(receipt()) for _ in range(count)]
    seqs = [seq for message in messages(rows, KEYS) for seq in message.seqs]
    assert seqs == [each.seq for each in rows]
