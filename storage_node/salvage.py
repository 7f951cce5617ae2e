"""A blob put together from chunks, when no node has a copy that is right as a whole.

Two copies with different bad chunks have every chunk between them, in place or already in quarantine. Each
node gives a chunk only if it is the one that was recorded at ingest; the whole is checked against the
blob's name like any other pull. It costs a request a chunk, so it is what comes after fetch.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from atoll.errors import AtollError, NotFound, UpstreamFailed
from atoll.model import Node
from storage_node.chunks import CHUNK_BYTES, chunk_count
from storage_node.disk_calls import DiskReads
from storage_node.fetch import Fetched, Fetcher, Intake, OwnDiskFailed
from storage_node.index import BlobChunks, Index
from storage_node.peers import Peers
from storage_node.read_metrics import ReadMetrics
from storage_node.store import BlobKey, BlobStore, StoreFailed
from storage_node.thread_work import to_the_end
from storage_node.verified_read import chunk_length, salvage_chunk

log = logging.getLogger(__name__)

T = TypeVar("T")


class Salvage:
    """`whole` fetches a copy that is right as a whole; `me` is this node's name."""

    def __init__(
        self,
        me: str,
        whole: Fetcher,
        index: Index,
        store: BlobStore,
        peers: Peers,
        reads: DiskReads,
        writers: Executor,
        counts: ReadMetrics,
    ) -> None:
        self._me, self._whole, self._counts = me, whole, counts
        self._index, self._store, self._peers = index, store, peers
        self._reads, self._writers = reads, writers

    async def fetch(self, key: BlobKey, size: int | None, sources: Sequence[Node]) -> Fetched:
        """As `Fetcher.fetch`; a large blob whose size is known also from several copies, each bad in part."""
        try:
            return await self._whole.fetch(key, size, sources)
        except (NotFound, UpstreamFailed) as error:
            pieced = await self._pieced(key, size, sources)
            if pieced is None:
                raise
            log.warning("no copy of a blob was good; put together from chunks: %s", error.detail)
            return pieced

    async def own(self, key: BlobKey) -> BlobChunks | None:
        """What this node still has of a blob: a copy in its place, or in quarantine."""
        return await self._reads.run(partial(self._own, key))

    def reader(self, blob: BlobChunks) -> Callable[[int], Awaitable[bytes]]:
        """Reads the right chunks of such a copy; `NotFound` for the others."""

        async def read(index: int) -> bytes:
            data = await self._reads.run(partial(salvage_chunk, self._store, blob, index))
            if data is None:
                raise NotFound("This node does not hold this part of the blob.")
            return data

        return read

    def _own(self, key: BlobKey) -> BlobChunks | None:
        held = self._index.blob(key.bucket, key.sha256)
        found = held.chunks if held else self._index.quarantined(key.bucket, key.sha256)
        return found if found and found.key == key else None

    async def _pieced(self, key: BlobKey, size: int | None, sources: Sequence[Node]) -> Fetched | None:
        """None when some chunk is right nowhere. `NoSpace`, `StoreFailed` for this node's own disk."""
        own = await _or_none(self.own(key))
        if size is None and own is not None:
            size = own.size
        if size is None or size <= CHUNK_BYTES:
            return None
        intake, source = Intake(self._store), self._me
        fetched = None
        try:
            for index in range(chunk_count(size)):
                chunk, source = await self._chunk(key, size, own, index, sources, source)
                await self._in_thread(partial(intake.take, chunk))
            fetched = self._verified(key, size, intake, source)
        except NotFound:
            return None
        except OwnDiskFailed as failed:
            raise failed.error from failed
        finally:
            if fetched is None:  # cancelled too: a staged file must not outlive its owner
                await asyncio.shield(self._in_thread(intake.discard))
        return fetched

    def _verified(self, key: BlobKey, size: int, intake: Intake, source: str) -> Fetched:
        if intake.hasher.size != size or intake.hasher.sha256() != key.sha256:
            self._counts.bad_peer_bytes += 1
            raise NotFound("The chunks do not make up the blob.")
        return Fetched(key, size, intake.hasher.chunk_digests(), source, None, intake.staged)

    async def _chunk(
        self, key: BlobKey, size: int, own: BlobChunks | None, index: int, sources: Sequence[Node], last: str
    ) -> tuple[bytes, str]:
        """Chunk `index`, and who gave it (`last` when it was this node itself). `NotFound`: nobody."""
        if own is not None:
            data = await _or_none(self._reads.run(partial(salvage_chunk, self._store, own, index)))
            if data is not None:
                return data, last
        for node in sources:
            try:
                return await self._chunk_from(node, key, size, index), node.name
            except AtollError as error:
                log.debug("no chunk %d from %s: %s", index, node.name, error.detail)
        raise NotFound(f"Nobody has chunk {index}.")

    async def _chunk_from(self, node: Node, key: BlobKey, size: int, index: int) -> bytes:
        start, length = index * CHUNK_BYTES, chunk_length(size, index)
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        async with self._peers.open(node, key, length, headers) as response:
            if response.status != 206 or response.headers.get("Content-Range") != _content_range(
                start, length, size
            ):
                raise UpstreamFailed(f"Node {node.name} does not answer with the range.", node=node.name)
            try:
                return await response.content.readexactly(length)
            except asyncio.IncompleteReadError as error:
                raise UpstreamFailed(f"Node {node.name} broke off.", node=node.name) from error

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await to_the_end(self._writers, work)


async def _or_none(reading: Awaitable[T | None]) -> T | None:
    """What our own disk gives; nothing when it does not answer: peers may."""
    try:
        return await reading
    except StoreFailed:
        return None


def _content_range(start: int, length: int, size: int) -> str:
    return f"bytes {start}-{start + length - 1}/{size}"
