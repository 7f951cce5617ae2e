"""The record that lets this node keep a blob: its own, else the nearest peer's. One search per blob.

A reader may ask for a blob before its event has come, or after this node's copy went into quarantine.
Keeping bytes without a record would leave a blob that nobody can ever delete, so without one they are
only passed on.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from atoll.errors import NotFound
from atoll.model import AssetRecord
from storage_node.blob_address import BlobAddress
from storage_node.disk_calls import DiskReads
from storage_node.flights import Flights
from storage_node.index import Index
from storage_node.index_rows import is_covered
from storage_node.peers import Peers

_AT_ONCE = 1024


class FoundRecord(NamedTuple):
    """A record that uses the blob; `own`: this node has it."""

    record: AssetRecord
    own: bool


class RecordSearch:
    """Runs its index reads in the reader threads."""

    def __init__(self, index: Index, peers: Peers, readers: DiskReads) -> None:
        self._index, self._peers, self._readers = index, peers, readers
        self._flights: Flights[BlobAddress, FoundRecord | None] = Flights("record searches", _AT_ONCE)

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._flights.close()

    async def find(self, address: BlobAddress) -> FoundRecord | None:
        """A record for a blob of our set. `NotFound` when it is deleted, or has another extension."""
        found = await self._flights.run(address, lambda: self._find(address))
        if found is not None and found.record.blob.ext != address.handle.ext:
            raise NotFound(f"The extension of this image is {found.record.blob.ext!r}.")
        return found

    async def _find(self, address: BlobAddress) -> FoundRecord | None:
        key = address.key
        own = await self._readers.run(partial(self._index.record_of_blob, key.bucket, key.sha256))
        if own is not None:
            return FoundRecord(own, own=True)
        record = await self._peers.record(address)
        if record is None:
            return None
        if await self._readers.run(partial(self._is_deleted, record)):
            raise NotFound("This image was deleted.")
        return FoundRecord(record, own=False)

    def _is_deleted(self, record: AssetRecord) -> bool:
        return self._index.read(partial(is_covered, record=record))
