"""Restores: a deleted asset comes back as a new version, from the trash of this node or of a peer.

The bytes are read and hashed before they are put back. The other nodes hear of the new version by its
event and by anti-entropy, as of an upload, and find their own bytes in their own trash (reclaim.py).
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor

from atoll.errors import AtollError, Conflict, Gone, Unavailable
from atoll.model import AssetRecord, Node
from atoll.node_client import NodeClient
from atoll.repair_api import RestoreOrder, RestoreResult
from storage_node import index_trash
from storage_node.index import Index
from storage_node.index_trash import restored
from storage_node.origin import Origin
from storage_node.peers import Peers
from storage_node.reclaim import Reclaimer

log = logging.getLogger(__name__)

LOCAL_PATH = "/internal/v1/restores?local=1"
_PEER_SECONDS = 20.0


class Restores:
    """`writers` are the threads that read and rename."""

    def __init__(
        self,
        index: Index,
        origin: Origin,
        reclaimer: Reclaimer,
        peers: Peers,
        client: NodeClient,
        writers: Executor,
    ) -> None:
        self._index, self._origin, self._reclaimer = index, origin, reclaimer
        self._peers, self._client, self._writers = peers, client, writers

    async def order(self, order: RestoreOrder, *, local: bool) -> RestoreResult:
        """The asset as restored. `local`: a peer asks, so that peers are not asked in turn.

        `Gone` when no trash has it any more, `Conflict` when it is not deleted, `Unavailable` when
        the order speaks of another delete than is known here, or when it is not here and some peer gave no
        answer: that one may have restored it.
        """
        if order.set != self._origin.set:
            raise Conflict(f"This node holds set {self._origin.set!r}.", set=order.set)
        loop = asyncio.get_running_loop()
        record = await loop.run_in_executor(self._writers, self._restore, order)
        if record is not None:
            return RestoreResult(record, self._origin.node)
        if local:
            raise _gone(order)
        return await self._elsewhere(order)

    def _restore(self, order: RestoreOrder) -> AssetRecord | None:
        """None when neither the trash nor the blobs of this node have good bytes of it."""
        now = self._origin.now_ms()
        trashed = self._index.read(lambda db: index_trash.restorable(db, order, now))
        if trashed is None:
            return None
        return self._reclaimer.reclaim(
            trashed, lambda d: restored(trashed, order, d, self._origin), held=True
        )

    async def _elsewhere(self, order: RestoreOrder) -> RestoreResult:
        silent: list[str] = []
        for node in self._peers.of_set(order.set):
            try:
                return await self._ask(node, order)
            except Gone:
                continue
            except Conflict:
                if silent:
                    break  # what is not deleted now may be so by this very order
                raise
            except AtollError as error:
                log.warning("a peer cannot restore now: %s", error.detail, extra={"peer": node.name})
                silent.append(node.name)
        if silent:
            raise Unavailable(
                "This node has nothing to restore, and others could not be asked.",
                unasked=silent,
                retry_after=5,
            )
        raise _gone(order)

    async def _ask(self, node: Node, order: RestoreOrder) -> RestoreResult:
        return await self._client.call(
            node, "POST", LOCAL_PATH, RestoreResult, body=order, seconds=_PEER_SECONDS
        )


def _gone(order: RestoreOrder) -> Gone:
    return Gone(
        "Nothing of this asset is in the trash: it was erased, or never deleted.", asset_id=order.asset_id
    )
