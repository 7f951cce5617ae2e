"""GET and HEAD /internal/v1/blobs/{bucket}/{sha256}.{ext}: bytes held here, verified, for peers.

Never asks a peer itself: two nodes that lack a blob would ask each other for ever. Does not fill the RAM
cache either: what replicates is not what is hot.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aiohttp import web

from atoll import names
from atoll.errors import NotFound
from atoll.names import Handle
from storage_node.blob_address import BlobAddress
from storage_node.blob_answer import Answers, BlobRequest, conditions_of
from storage_node.fresh_uploads import FreshUploads
from storage_node.local_copies import LocalCopies, LocalCopy
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import Served
from storage_node.rebuild import Rebuilder
from storage_node.salvage import Salvage
from storage_node.sending import Pieces, from_chunks, from_memory
from storage_node.verified_read import BadCopy


class InternalBlobs:
    """`own_set` is this node's set; `served` counts what peers were given."""

    def __init__(
        self,
        own_set: str,
        ram: RamCache,
        local: LocalCopies,
        salvage: Salvage,
        rebuilder: Rebuilder,
        answers: Answers,
        served: Served,
        fresh: FreshUploads,
    ) -> None:
        self._own_set, self._ram, self._local, self._salvage = own_set, ram, local, salvage
        self._rebuilder = rebuilder
        self._answers, self._served, self._fresh = answers, served, fresh

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """`NotFound` when the blob is not held here or its copy proves bad.

        Of a bad copy the right chunks are still given to who asks for a part: see salvage.py.
        """
        sha256, ext = names.split_blob_name(request.match_info["blob"])
        bucket = names.check_bucket(request.match_info["bucket"])
        address = BlobAddress(bucket, Handle(self._own_set, sha256, ext))
        asked = BlobRequest(request, address, 0, self._ram.drops, conditions_of(request))
        if (body := self.at_hand(address)) is not None:
            return await self._answer(asked, len(body), partial(from_memory, body))
        copy = await self._held(asked)
        if copy is None and await self._rebuilder.look_for(address.key):
            copy = await self._held(asked)
        if copy is None:
            return await self._part(asked)
        if copy.body is not None:
            return await self._answer(asked, len(copy.body), partial(from_memory, copy.body))
        read = self._local.chunks(copy.held, fall_back=False)
        return await self._answer(asked, copy.held.blob.size, partial(from_chunks, read))

    def at_hand(self, address: BlobAddress) -> bytes | None:
        """The bytes, if they are in memory, where only verified ones come.

        Not what is there for a time only: no delete drops that, and a peer would have it for as long again.
        """
        if (fresh := self._fresh.get(address.key)) is not None:
            return fresh
        entry = self._ram.entries.get(address.path)
        return None if entry is None or entry.expires_at is not None else entry.body

    async def _answer(
        self, asked: BlobRequest, size: int, pieces: Callable[[int, int], Pieces]
    ) -> web.StreamResponse:
        return await self._answers.answer(asked, self._served, size, pieces)

    async def _part(self, asked: BlobRequest) -> web.StreamResponse:
        blob = await self._salvage.own(asked.address.key) if asked.conditions.range else None
        if blob is None:
            raise NotFound("This node does not hold this blob.")
        return await self._answer(asked, blob.size, partial(from_chunks, self._salvage.reader(blob)))

    async def _held(self, asked: BlobRequest) -> LocalCopy | None:
        look = self._local.read if asked.wants_body else self._local.find
        try:
            return await look(asked.address)
        except BadCopy as bad:
            await self._local.judge(bad)
            return None
