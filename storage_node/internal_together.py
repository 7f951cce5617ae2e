"""POST /internal/v1/blobs/together: several small blobs held here, verified, for a peer that wants them now.

As internal_blobs.py gives each alone, but for what is large, not here, or proves bad: that the answer leaves
out, and whoever wants it asks for it by itself. Never asks a peer either.
"""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta

from atoll.errors import AtollError
from atoll.http import read_json
from atoll.names import Handle
from atoll.node_api import MAX_PULLS_TOGETHER, BlobName
from storage_node.blob_address import BlobAddress
from storage_node.blobs_together import pack
from storage_node.chunks import CHUNK_BYTES
from storage_node.internal_blobs import InternalBlobs
from storage_node.local_copies import LocalCopies
from storage_node.read_metrics import Served
from storage_node.verified_read import BadCopy

_Names = Annotated[tuple[BlobName, ...], Meta(min_length=1, max_length=MAX_PULLS_TOGETHER)]


class InternalTogether:
    """`own_set` is this node's set; `served` counts each blob that a peer was given."""

    def __init__(self, own_set: str, blobs: InternalBlobs, local: LocalCopies, served: Served) -> None:
        self._own_set, self._blobs, self._local, self._served = own_set, blobs, local, served

    async def handle(self, request: web.Request) -> web.Response:
        """See the module."""
        names = await read_json(request, _Names)
        given, answer = pack([await self._body(name) for name in names])
        sent = [len(body) for body in given if body is not None]
        self._served.requests += len(sent)
        self._served.bytes += sum(sent)
        return web.Response(body=answer, content_type="application/octet-stream")

    async def _body(self, name: BlobName) -> bytes | None:
        address = BlobAddress(name.bucket, Handle(self._own_set, name.sha256, name.ext))
        return self._blobs.at_hand(address) or await self._read(address)

    async def _read(self, address: BlobAddress) -> bytes | None:
        try:
            copy = await self._local.read(address)
        except BadCopy as bad:
            await self._local.judge(bad)
            return None
        except AtollError:  # the disk gives no answer
            return None
        return None if copy is None or copy.held.blob.size > CHUNK_BYTES else copy.body
