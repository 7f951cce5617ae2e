"""In a rush events wait a moment for what belongs to them. Pure; time is told.

An upload in three regions makes three events, of which the last comes a tenth of a second or more after the
first. Written together they are one insert; written one by one, an insert and two changes, and a change
costs the catalog three to six times as much. So while many come, the events of a blob are held until each
node of its set that is heard of has told of it, for `seconds` at most: several, for copies are late when the
machines are busiest, and then of all times would each upload cost more. What comes alone is held by nobody,
nor is a delete.

A message with the receipts of many blobs is taken apart; it is done with (`last`) when all of it was let go
of. Called by the indexer's one worker.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from atoll.events import AnyEvent, BlobReplicated, BlobStored, apart
from query_service.catalog_documents import blob_key
from query_service.event_reader import Delivery

RUSH_EVENTS = 24  # in hand at once: fewer wait for nothing
MAX_HELD = 2048  # more than this wait for nothing either


class Part(NamedTuple):
    """An event of a delivery; with the `last` one the delivery is done with."""

    delivery: Delivery
    event: AnyEvent
    last: bool


@dataclass
class _Parts:
    """What is held of one delivery."""

    delivery: Delivery
    left: int


@dataclass
class _Blob:
    """What is held of one blob, since when (monotonic seconds), and which nodes have told of it."""

    since: float
    set_name: str
    held: list[tuple[_Parts, AnyEvent]] = field(default_factory=list)
    nodes: set[str] = field(default_factory=set)


class FoldWindow:
    """`members`: the names of a set's nodes. `seconds`: 0 holds nothing."""

    def __init__(self, members: Callable[[str], Collection[str]], seconds: float) -> None:
        self._members, self._seconds = members, seconds
        self._blobs: dict[str, _Blob] = {}
        self._held = 0

    @property
    def holds(self) -> bool:
        """Whether something waits here."""
        return bool(self._blobs)

    def let_go(self, deliveries: Collection[Delivery], now: float, *, everything: bool = False) -> list[Part]:
        """What is to be written now, of these and of what was held before."""
        parts = list(self._take(deliveries, now))
        if everything or not self._seconds or not RUSH_EVENTS <= self._held <= MAX_HELD:
            return parts + self._leave(list(self._blobs))
        members = cache(lambda set_name: frozenset(self._members(set_name)))
        return parts + self._leave([k for k, blob in self._blobs.items() if self._is_due(blob, now, members)])

    def _take(self, deliveries: Iterable[Delivery], now: float) -> Iterator[Part]:
        """Hold what may have company; the rest goes at once."""
        for delivery in deliveries:
            event = delivery.event
            if not isinstance(event, BlobStored | BlobReplicated):
                yield Part(delivery, event, last=True)
                continue
            events = [each for each in apart(event) if isinstance(each, BlobStored | BlobReplicated)]
            parts = _Parts(delivery, len(events))
            for each in events:
                self._hold(parts, each, now)

    def _hold(self, parts: _Parts, event: BlobStored | BlobReplicated, now: float) -> None:
        key = _blob_of(event)
        blob = self._blobs.get(key)
        if blob is None:
            blob = self._blobs[key] = _Blob(now, event.set)
        blob.held.append((parts, event))
        blob.nodes.add(event.node)
        self._held += 1

    def _is_due(self, blob: _Blob, now: float, members: Callable[[str], Collection[str]]) -> bool:
        return now - blob.since >= self._seconds or blob.nodes.issuperset(members(blob.set_name))

    def _leave(self, keys: list[str]) -> list[Part]:
        gone = []
        for key in keys:
            for parts, event in self._blobs.pop(key).held:
                parts.left -= 1
                self._held -= 1
                gone.append(Part(parts.delivery, event, last=not parts.left))
        return gone


def _blob_of(event: BlobStored | BlobReplicated) -> str:
    if isinstance(event, BlobStored):
        return blob_key(event.asset.bucket, event.asset.blob.sha256)
    return blob_key(event.bucket, event.sha256)
