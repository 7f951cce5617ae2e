"""Blobs of this node's own disk for readers, verified. One read per blob however many ask at once.

What may be kept in memory is read whole, everything else chunk by chunk. A copy that proves bad is
judged (quarantine.py) while the reader goes on with a peer's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, Protocol

from atoll.errors import NotFound
from storage_node.blob_address import BlobAddress
from storage_node.chunks import CHUNK_BYTES
from storage_node.disk_calls import DiskReads
from storage_node.flights import Flights
from storage_node.index_reads import HeldBlob, IndexReads
from storage_node.peers import Peers
from storage_node.proven_copies import ProvenCopies, look_at
from storage_node.quarantine import Verdict
from storage_node.ram_cache import RamCache
from storage_node.store import BlobStore, StoreFailed
from storage_node.verified_read import (
    BadCopy,
    is_present,
    is_right,
    read_chunk,
    read_whole,
    salvage_chunk,
)

_AT_ONCE = 4096

ReadChunk = Callable[[int], Awaitable[bytes]]


class LocalCopy(NamedTuple):
    """A blob held here. `body` when it was read whole."""

    held: HeldBlob
    body: bytes | None


class Judge(Protocol):
    """Who says what becomes of a bad copy (quarantine.py)."""

    async def judge(self, bad: BadCopy) -> Verdict: ...


class LocalCopies:
    """`reads` has the threads that read and verify. All raise `StoreFailed` when the disk gives no answer."""

    def __init__(
        self,
        index: IndexReads,
        store: BlobStore,
        ram: RamCache,
        peers: Peers,
        quarantine: Judge,
        reads: DiskReads,
    ) -> None:
        self._index, self._store, self._ram, self.reads = index, store, ram, reads
        self._peers, self._quarantine = peers, quarantine
        self._flights: Flights[tuple[BlobAddress, int], LocalCopy | None] = Flights("reads", _AT_ONCE)
        self._judging: set[asyncio.Task[Verdict]] = set()
        self._proven = ProvenCopies()

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()
        await asyncio.gather(*self._judging, return_exceptions=True)

    async def find(self, address: BlobAddress) -> LocalCopy | None:
        """The blob without its bytes: for HEAD, and to answer 304. `BadCopy` when its file is not there."""
        return await self.reads.run(partial(self._find, address))

    async def read(self, address: BlobAddress) -> LocalCopy | None:
        """The blob, its bytes too unless it is large. `BadCopy` when they are not right."""
        # Who comes after a delete shares no read from before it: memory would take what that gives.
        when = (address, self._ram.drops)
        return await self._flights.run(when, lambda: self.reads.run(partial(self._read, address)))

    async def known(self, address: BlobAddress) -> HeldBlob | None:
        """What the index says, with no look at the file."""
        return await self.reads.run(partial(self._known, address))

    async def prove(self, address: BlobAddress) -> HeldBlob | None:
        """The blob, once all its bytes were read and found right, now or in the last seconds
        (`proven_copies`). `BadCopy` when they are not."""
        return await self.reads.run(partial(self._prove, address))

    def chunks(self, held: HeldBlob, *, fall_back: bool) -> ReadChunk:
        """A reader of one large blob's chunks; a chunk that is bad here is a peer's.

        The others stay ours, also after the copy went into quarantine meanwhile: the peer's copy may be bad
        in another place. `UpstreamFailed` when no peer has a chunk either; `NotFound` at once without
        `fall_back` – a peer must not be asked on behalf of a peer, or two bad copies would ask each other
        for ever.
        """
        trusted = True

        async def read(index: int) -> bytes:
            nonlocal trusted
            if trusted:
                try:
                    return await self.reads.run(partial(read_chunk, self._store, held, index))
                except BadCopy as bad:
                    trusted = False
                    self._judge_aside(bad)
                except StoreFailed:  # the disk's fault, not the copy's: nothing to judge
                    if not fall_back:
                        raise
                    trusted = False
            if (saved := await self._saved(held, index)) is not None:
                return saved
            if not fall_back:
                raise NotFound("This node's copy proved bad.")
            return await self._peers.chunk(held, index)

        return read

    async def _saved(self, held: HeldBlob, index: int) -> bytes | None:
        try:
            return await self.reads.run(partial(salvage_chunk, self._store, held.chunks, index))
        except StoreFailed:  # no answer from the disk
            return None

    async def judge(self, bad: BadCopy) -> Verdict:
        """See quarantine.py."""
        return await self._quarantine.judge(bad)

    def _judge_aside(self, bad: BadCopy) -> None:
        """The same, without making a reader wait for it."""
        task = asyncio.create_task(self._quarantine.judge(bad), name=f"judge {bad.held.blob.sha256}")
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)

    def _known(self, address: BlobAddress) -> HeldBlob | None:
        held = self._index.blob(address.bucket, address.handle.sha256)
        return held if held is not None and held.blob.ext == address.handle.ext else None

    def _prove(self, address: BlobAddress) -> HeldBlob | None:
        held = self._known(address)
        if held is None:
            return None
        look = look_at(self._store.path(held.key))
        if not self._proven.knows(held.key, look):
            if not is_right(self._store, held):
                raise BadCopy(held, "the bytes do not match the name")
            self._proven.note(held.key, look)
        return held

    def _find(self, address: BlobAddress) -> LocalCopy | None:
        held = self._known(address)
        if held is None:
            return None
        if not is_present(self._store, held):
            raise BadCopy(held, "the file is missing or has another size")
        return LocalCopy(held, None)

    def _read(self, address: BlobAddress) -> LocalCopy | None:
        held = self._known(address)
        if held is None:
            return None
        small = held.blob.size <= CHUNK_BYTES or self._ram.fits(held.blob.size)
        return LocalCopy(held, read_whole(self._store, held) if small else None)
