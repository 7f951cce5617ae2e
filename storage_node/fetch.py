"""Bytes from a peer onto this node's disk, unpublished, verified against their name. Constant memory.

A blob of one chunk stays in memory until it is known to be right; a larger one goes to a staged file as
it arrives. Callers (pull.py) either publish it or serve it and throw it away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import aiohttp

from atoll.errors import AtollError, UpstreamFailed
from atoll.hedging import AllFailed, Turn
from atoll.model import Node
from storage_node.chunks import CHUNK_BYTES, BlobHasher
from storage_node.disk_probe import DiskHealth, no_answer
from storage_node.peers import Peers, none_gave_it
from storage_node.read_metrics import ReadMetrics
from storage_node.store import BlobKey, BlobStore, Staged
from storage_node.thread_work import to_the_end


@dataclass(frozen=True)
class Fetched:
    """Verified bytes: in `body` when they are one chunk, else in `staged` (not synced yet)."""

    key: BlobKey
    size: int
    chunk_digests: bytes
    source: str
    body: bytes | None
    staged: Staged | None

    def discard(self) -> None:
        """Remove the staged file, if there is one. Blocks; harmless after it was published."""
        if self.staged is not None:
            self.staged.discard()


class OwnDiskFailed(Exception):
    """This node's disk refused: no other source can help. (A peer's problem may have the same class.)"""

    def __init__(self, error: AtollError) -> None:
        super().__init__(error.detail)
        self.error = error


class Intake:
    """Takes a blob's blocks in order; blocking, in one thread at a time."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self.staged: Staged | None = None
        self.hasher = BlobHasher()

    def take(self, block: bytes) -> None:
        try:
            if self.staged is None:
                self.staged = self._store.stage()
            self.staged.write(block)
        except AtollError as error:
            raise OwnDiskFailed(error) from error
        self.hasher.update(block)

    def discard(self) -> None:
        if self.staged is not None:
            self.staged.discard()


class Fetcher:
    """`writers` are the threads that write; `limit` is the largest blob taken when its size is unknown."""

    def __init__(
        self,
        peers: Peers,
        store: BlobStore,
        writers: Executor,
        counts: ReadMetrics,
        limit: int,
        disk: DiskHealth,
    ) -> None:
        self._disk = disk
        self._peers, self._store, self._writers = peers, store, writers
        self._counts, self._limit = counts, limit

    async def fetch(self, key: BlobKey, size: int | None, sources: Sequence[Node]) -> Fetched:
        """The blob from the first source that gives it right.

        `NotFound` when every source lacks it, `UpstreamFailed` when some could not answer, `NoSpace` or
        `StoreFailed` when this node's disk is the problem.
        """
        try:
            return await self._peers.first(
                sources, lambda node, turn: self._fetch_from(node, turn, key, size)
            )
        except OwnDiskFailed as failed:
            raise failed.error from failed
        except AllFailed as failed:
            raise none_gave_it(failed) from failed

    async def _fetch_from(self, node: Node, turn: Turn, key: BlobKey, size: int | None) -> Fetched:
        limit = self._limit if size is None else size
        async with self._peers.open(node, key, limit) as response:
            announced = response.content_length
            if response.status != 200 or announced is None or announced > limit:
                raise UpstreamFailed(
                    f"Node {node.name} announces {announced} bytes, expected {size or f'at most {limit}'}.",
                    node=node.name,
                )
            await turn.take()
            return await self._receive(node, key, announced if size is None else size, response)

    async def _receive(
        self, node: Node, key: BlobKey, size: int, response: aiohttp.ClientResponse
    ) -> Fetched:
        intake = Intake(self._store)
        try:
            body = None
            async for block in _blocks(response.content):
                if intake.hasher.size + len(block) > size:
                    raise UpstreamFailed(f"Node {node.name} sends more than {size} bytes.", node=node.name)
                if len(block) == size:
                    body = block
                    intake.hasher.update(block)
                else:
                    await self._run(intake, block)
            return self._verified(node, key, size, intake, body)
        except BaseException:  # also when cancelled: a staged file must not outlive its owner
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writers, intake.discard))
            raise

    async def _run(self, intake: Intake, block: bytes) -> None:
        """Write a block; when cancelled, not left behind, or it would write after the discard.

        To a disk that hangs nothing is written: what fits into one block can still be passed on.
        """
        if self._disk.failing:
            raise OwnDiskFailed(no_answer())
        await to_the_end(self._writers, partial(intake.take, block))

    def _verified(self, node: Node, key: BlobKey, size: int, intake: Intake, body: bytes | None) -> Fetched:
        if intake.hasher.size != size or intake.hasher.sha256() != key.sha256:
            self._counts.bad_peer_bytes += 1
            raise UpstreamFailed(f"Node {node.name} sent wrong bytes.", node=node.name)
        return Fetched(key, size, intake.hasher.chunk_digests(), node.name, body, intake.staged)


async def _blocks(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The stream in blocks of one chunk, the last one shorter: one thread hop for each."""
    parts: list[bytes] = []
    gathered = 0
    while part := await content.readany():
        parts.append(part)
        gathered += len(part)
        while gathered >= CHUNK_BYTES:
            joined = b"".join(parts)
            yield joined[:CHUNK_BYTES]
            parts = [joined[CHUNK_BYTES:]]
            gathered -= CHUNK_BYTES
    if gathered:
        yield b"".join(parts)
