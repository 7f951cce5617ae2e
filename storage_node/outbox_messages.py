"""From rows of the outbox to messages for the stream. Pure.

Each event is a message of its own, but for receipts: those that wait together are told of in one. A message
costs the node, NATS and whoever reads it several times what one more receipt in it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from atoll.events import MAX_RECEIPTS, encode_event, event_headers, gathered, is_receipt, open_receipt
from atoll.kept_publisher import Kept
from atoll.signing import Keys
from storage_node.index_rows import OutboxRow


class Message(NamedTuple):
    """A message, and the numbers of the rows that are in it."""

    seqs: Sequence[int]
    kept: Kept


def messages(rows: Sequence[OutboxRow], keys: Keys) -> Iterator[Message]:
    """All of `rows`; receipts that stand together, together."""
    for subject, some in groupby(rows, key=lambda row: row.subject):
        if is_receipt(subject):
            receipts = list(some)
            for begin in range(0, len(receipts), MAX_RECEIPTS):
                yield _together(receipts[begin : begin + MAX_RECEIPTS], keys)
        else:
            for row in some:
                yield Message([row.seq], _message(row.subject, row.event_id, row.body, keys))


def _together(rows: Sequence[OutboxRow], keys: Keys) -> Message:
    if len(rows) == 1:
        (row,) = rows
        return Message([row.seq], _message(row.subject, row.event_id, row.body, keys))
    event = gathered([open_receipt(row.body) for row in rows])
    message = _message(rows[0].subject, event.id, encode_event(event), keys)
    return Message([row.seq for row in rows], message)


def _message(subject: str, event_id: str, body: bytes, keys: Keys) -> Kept:
    return Kept(subject, body, event_headers(event_id, subject, body, keys))
