"""The bytes that a request brings for a resumable upload, and the asset if they were its last.

Called by tus_api.py. Nothing is taken while the node is read-only or its disk gives no answer.
"""

from __future__ import annotations

from aiohttp import web

from atoll.errors import BadRequest
from atoll.node_api import AssetView
from storage_node.body_pace import too_large
from storage_node.space import SpaceGuard
from storage_node.tus_finish import Finisher
from storage_node.tus_headers import BODY_TYPE, checksum_of
from storage_node.tus_receive import Receiver
from storage_node.tus_record import TusRecord
from storage_node.upload_answer import Acknowledger

READ_BYTES = 128 * 1024


class TusBytes:
    """The caller holds the upload's lock and one of the node's places for uploads."""

    def __init__(
        self, space: SpaceGuard, receiver: Receiver, finisher: Finisher, acknowledger: Acknowledger
    ) -> None:
        self._space, self._receiver = space, receiver
        self._finisher, self._acknowledger = finisher, acknowledger

    async def take(self, record: TusRecord, request: web.Request) -> AssetView | None:
        """The asset, if these were the last bytes of one."""
        checksum = checksum_of(request.headers)
        if request.content_length is not None and request.content_length > record.left:
            raise too_large(record.left, request.content_length)
        self._space.check(0)
        received = await self._receiver.receive(record, lambda: request.content.read(READ_BYTES), checksum)
        if record.kind == "partial" or received < record.length:
            return None
        stored = await self._finisher.finish(record)
        return await self._acknowledger.confirmed(stored, record.ticket)


def brings_bytes(request: web.Request) -> bool:
    """Whether a creation carries the upload's first bytes."""
    if not request.body_exists or request.content_length == 0:
        return False
    if request.content_type != BODY_TYPE:
        raise BadRequest(f"Bytes that come with a creation have Content-Type: {BODY_TYPE}.")
    return True
