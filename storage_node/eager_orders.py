"""From an acknowledged upload to the queue of derivatives that bucket and ticket name."""

from __future__ import annotations

from atoll.model import AssetRecord
from atoll.node_api import handle_of
from atoll.signing import Ticket
from storage_node.eager import EagerQueue
from storage_node.peers import MapView


class EagerOrders:
    """`cluster` knows what buckets name."""

    def __init__(self, queue: EagerQueue, cluster: MapView) -> None:
        self._queue, self._cluster = queue, cluster

    def stored(self, record: AssetRecord, ticket: Ticket) -> None:
        """An image was stored: have its derivatives made some time. Never blocks, never fails."""
        bucket = self._cluster.current.buckets.get(record.bucket)
        named = (*(bucket.eager if bucket else ()), *ticket.eager)
        self._queue.add(record.bucket, dict.fromkeys(named), handle_of(record))
