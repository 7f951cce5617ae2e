"""What the workers do: one piece per message, or per wanted blob. Data only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from atoll.events import AssetDeleted, BlobStored
from atoll.node_api import WantedItem
from replicator.delivery import Delivery
from replicator.priority import Rank, Urgency, rank

# Of a wanted blob. `failed`: no source had it, the node noted the try; `unnoted`: it could not even note it.
TryResult = Literal["stored", "present", "deleted", "failed", "unnoted"]


@dataclass(frozen=True, eq=False, slots=True)
class Stored:
    """An upload elsewhere: the node shall pull it."""

    event: BlobStored
    delivery: Delivery


@dataclass(frozen=True, eq=False, slots=True)
class Deleted:
    """A tombstone from elsewhere: the node shall apply it."""

    event: AssetDeleted
    delivery: Delivery


@dataclass(frozen=True, eq=False, slots=True)
class Poison:
    """A message that can never be processed, and why: it is parked."""

    reason: str
    delivery: Delivery


@dataclass(frozen=True, eq=False, slots=True)
class Wanted:
    """A blob the node still lacks. `done` gets what came of the try."""

    item: WantedItem
    done: asyncio.Future[TryResult]


Work = Stored | Deleted | Poison | Wanted


def rank_of(work: Work) -> Rank:
    """Where a piece of work stands in the window (see priority.py)."""
    match work:
        case Deleted():
            return rank(Urgency.TOMBSTONE)
        case Stored(event=event):
            return rank(Urgency.STORED, event.at, event.asset.blob.size)
        case Poison():
            return rank(Urgency.POISON)
        case Wanted(item=item):
            return rank(Urgency.WANTED, item.asset.created_at, item.asset.blob.size)
