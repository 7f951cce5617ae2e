"""The pictures a derivative is made of: verified, and lying in a file for as long as a worker reads it.

This node's own copy if it proves right, else a peer's, pulled through. A bad copy is judged as any reader's
find is (quarantine.py). Called by `derivative_making`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from atoll.errors import AtollError, NotFound
from atoll.model import Picture
from storage_node.blob_address import BlobAddress
from storage_node.disk_calls import DiskReads
from storage_node.disk_probe import no_answer
from storage_node.fetch import Fetched
from storage_node.index import HeldBlob
from storage_node.local_copies import LocalCopies
from storage_node.pull_outcome import PullsThrough
from storage_node.quarantine import Verdict
from storage_node.sniff import ALL_TYPES, ImageType
from storage_node.store import BlobStore, Staged, StoreFailed
from storage_node.verified_read import BadCopy

log = logging.getLogger(__name__)

_TYPES = {image_type.extension: image_type for image_type in ALL_TYPES}


class Source(NamedTuple):
    """A verified file. `picture`: what was found at its upload; None when this node has no record of it."""

    path: Path
    image_type: ImageType
    picture: Picture | None


class Sources:
    """`writes` has the threads that write."""

    def __init__(self, store: BlobStore, local: LocalCopies, puller: PullsThrough, writes: DiskReads) -> None:
        self._store, self._local, self._puller, self._writes = store, local, puller, writes

    async def picture(self, address: BlobAddress) -> Picture | None:
        """What this node knows of a picture; None when it does not hold it, or its disk gives no answer."""
        try:
            held = await self._local.known(address)
        except StoreFailed:
            return None
        return held.blob.picture if held else None

    async def is_gone(self, address: BlobAddress) -> bool:
        """Whether this node does not hold it (any more)."""
        return await self._local.known(address) is None

    async def ensure(self, address: BlobAddress) -> None:
        """Pull what is not here. `NotFound` when it was deleted or is nowhere; no other trouble is told."""
        try:
            if await self.is_gone(address):
                async with self._puller.through(address, keep=True):
                    pass
        except NotFound:
            raise
        except AtollError:
            return  # whoever needs the bytes will meet it again

    @asynccontextmanager
    async def opened(self, address: BlobAddress) -> AsyncIterator[Source]:
        """The blob's file while the context lasts. `NotFound`, `UpstreamFailed`, `StoreFailed`."""
        try:
            held, keep = await self._proven(address), True
        except BadCopy:
            held, keep = None, False
        if held is not None:
            yield self._source(held)
            return
        async with self._puller.through(address, keep=keep) as pulled:
            if not isinstance(pulled, Fetched):
                yield self._source(pulled.held)
                return
            async with self._file_of(pulled) as path:
                yield Source(path, _TYPES[pulled.key.ext], None)

    def _source(self, held: HeldBlob) -> Source:
        return Source(self._store.path(held.key), _TYPES[held.blob.ext], held.blob.picture)

    async def _proven(self, address: BlobAddress) -> HeldBlob | None:
        """This node's copy, read and found right. `BadCopy` when a bad one cannot be moved out of the way."""
        try:
            return await self._local.prove(address)
        except BadCopy as bad:
            if await self._local.judge(bad) is Verdict.UNMOVED:
                raise
            return await self._local.prove(address)

    @asynccontextmanager
    async def _file_of(self, fetched: Fetched) -> AsyncIterator[Path]:
        """What was passed on from a peer, as a file: a small one came into memory."""
        if fetched.staged is not None:
            yield fetched.staged.path
            return
        body = fetched.body
        assert body is not None
        passed_on = _PassedOn(self._store, body)
        try:
            yield await self._writes.run(passed_on.write)
        finally:
            await self._writes.end(passed_on.discard)


class _PassedOn:
    """Bytes that lie in a file for a while. Both calls block, in any two threads.

    When the disk stalls, nobody waits for `write` any more, and it comes to its end later than `discard`:
    whichever is last throws the file away, or it and its descriptor would stay until the node ends.
    """

    def __init__(self, store: BlobStore, body: bytes) -> None:
        self._store, self._body = store, body
        self._lock = threading.Lock()
        self._staged: Staged | None = None
        self._over = False

    def write(self) -> Path:
        """The file, complete."""
        staged = self._store.stage()
        try:
            staged.write(self._body)
            if self._handed_over(staged):
                return staged.path
        except BaseException:
            staged.discard()
            raise
        staged.discard()
        raise no_answer()  # nobody hears it

    def _handed_over(self, staged: Staged) -> bool:
        with self._lock:
            if not self._over:
                self._staged = staged
            return not self._over

    def discard(self) -> None:
        """The file is not needed any more, or will not be."""
        with self._lock:
            self._over, staged = True, self._staged
        try:
            if staged is not None:
                staged.discard()
        except OSError as error:
            log.warning("a passed-on source stays in incoming/ until the next start: %s", error)
