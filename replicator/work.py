"""What the workers do: one piece per message, per wanted blob, or per difference found. Data only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from atoll.events import AssetDeleted, BlobStored
from atoll.model import Tombstone
from atoll.node_api import PullOrder, WantedItem
from replicator.delivery import Delivery
from replicator.priority import Rank, Urgency, rank

# Of a wanted blob. `failed`: no source had it, the node noted the try; `unnoted`: it could not even note it.
TryResult = Literal["stored", "present", "deleted", "failed", "unnoted"]
# Of an order of repair. `full`: no room; `refused`: the node never takes this one.
MendResult = Literal["applied", "known", "stored", "present", "deleted", "failed", "full", "refused"]


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


@dataclass(frozen=True, eq=False, slots=True)
class Mend:
    """A difference to a peer: the node shall apply a tombstone, or pull. `done` gets what came of it."""

    order: Tombstone | PullOrder
    done: asyncio.Future[MendResult]


Work = Stored | Deleted | Poison | Wanted | Mend


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
        case Mend(order=PullOrder(asset=asset)):
            return rank(Urgency.MEND, asset.created_at, asset.blob.size)
        case Mend():
            return rank(Urgency.BURY)
