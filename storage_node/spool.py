"""One body on its way in: small ones wait in memory, larger ones are hashed and written as they come.

Memory per upload is bounded by `SMALL_BYTES` plus one read, whatever the body's size. The loop only
appends; writing and hashing happen in threads.
"""

from __future__ import annotations

from concurrent.futures import Executor

from storage_node.chunks import CHUNK_BYTES, BlobHasher
from storage_node.sniff import SNIFF_BYTES
from storage_node.store import BlobStore, Staged
from storage_node.thread_work import to_the_end

SMALL_BYTES = CHUNK_BYTES  # up to here a body waits in memory, for one write by its ingest thread
PIECE_BYTES = 64 * 1024  # a longer one is written in pieces of at least so much


class Spool:
    """Fed by the loop, finished by an ingest thread. `discard` it in the end, whatever happened."""

    def __init__(self, store: BlobStore, threads: Executor) -> None:
        self._store, self._threads = store, threads
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._staged: Staged | None = None
        self._hasher = BlobHasher()
        self.head = b""
        self.size = 0
        self.body: bytes | None = None  # all of it, once it was written, if it was small

    async def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        if len(self.head) < SNIFF_BYTES:
            self.head += chunk[: SNIFF_BYTES - len(self.head)]
        self.size += len(chunk)
        self._waiting.append(chunk)
        self._waiting_bytes += len(chunk)
        if self._waiting_bytes > (SMALL_BYTES if self._staged is None else PIECE_BYTES):
            await to_the_end(self._threads, self._flush)

    def _flush(self) -> None:
        # One piece: each system call and each hash lets go of the GIL and must win it back.
        data = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        if self._staged is None:
            self._staged = self._store.stage()
        self.body = data if len(data) == self.size <= SMALL_BYTES else None
        self._staged.write(data)
        self._hasher.update(data)

    def finish(self) -> tuple[Staged, BlobHasher]:
        """Write what still waits; blocks. The staged file is complete but not yet synced."""
        self._flush()
        assert self._staged is not None
        return self._staged, self._hasher

    def discard(self) -> None:
        """Remove the staged file, if it was not published; blocks."""
        if self._staged is not None:
            self._staged.discard()
