"""From a message to a piece of work: opened, judged, put into the window."""

from __future__ import annotations

from nats.aio.msg import Msg

from atoll.events import AnyEvent, AssetDeleted, BadEvent, BlobStored, open_event
from atoll.signing import Keys
from replicator.delivery import Delivery
from replicator.held import Held
from replicator.window import Window
from replicator.work import Deleted, Poison, Stored, Work


class Intake:
    """Takes in the messages for the node called `node`."""

    def __init__(self, held: Held, window: Window, keys: Keys, node: str) -> None:
        self._held, self._window, self._keys, self._node = held, window, keys, node

    async def take(self, message: Msg, region: str) -> None:
        """Take one message that came from a region's stream."""
        delivery = self._held.accept(message, region)
        if delivery is None:
            return
        work = self._work(message, delivery)
        if work is None:
            delivery.ack()
        else:
            self._window.put(work)

    def _work(self, message: Msg, delivery: Delivery) -> Work | None:
        """What to do about it; None when the own node said it, and so knows."""
        try:
            event = open_event(message.subject, message.data, message.headers, self._keys)
        except BadEvent as error:
            return Poison(str(error), delivery)
        if event.node == self._node:
            return None
        return _work_for(event, delivery)


def _work_for(event: AnyEvent, delivery: Delivery) -> Work:
    match event:
        case BlobStored(asset=asset) if asset.set == event.set:
            return Stored(event, delivery)
        case AssetDeleted(tombstone=tombstone) if tombstone.set == event.set:
            return Deleted(event, delivery)
        case _:
            return Poison("an event that no replicator processes, or of two sets at once", delivery)
