"""Reading a large blob that was fetched for its readers only and lies in a staged file."""

from __future__ import annotations

from functools import partial

from storage_node.disk_calls import DiskReads
from storage_node.fetch import Fetched
from storage_node.local_copies import ReadChunk
from storage_node.verified_read import read_spooled


def chunks_of(fetched: Fetched, reads: DiskReads) -> ReadChunk:
    """A reader of its chunks, each verified once more. `StoreFailed` when the file changed."""
    assert fetched.staged is not None
    path, digests = fetched.staged.path, fetched.chunk_digests

    async def read(index: int) -> bytes:
        work = partial(read_spooled, path, fetched.key, fetched.size, digests, index)
        return await reads.run(work)

    return read
