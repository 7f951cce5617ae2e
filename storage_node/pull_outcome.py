"""What a pull commits, and what comes of it. Used by pull.py and whoever waits for one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from atoll.model import AssetRecord
from storage_node.blob_address import BlobAddress
from storage_node.fetch import Fetched
from storage_node.index import HeldBlob
from storage_node.index_ops import store_replica
from storage_node.index_repairs import repaired
from storage_node.index_writer import Operation
from storage_node.origin import Origin


class Kept(NamedTuple):
    """The blob is held here now. `body` is at hand for blobs of one chunk; `source` gave the bytes.

    `recorded` is the record that was committed with it: who shares a pull may have wanted it for another.
    """

    held: HeldBlob
    body: bytes | None
    source: str
    recorded: AssetRecord | None


class PullsThrough(Protocol):
    """Who gets a blob that a reader wants and that is not here (`Puller`)."""

    def through(self, address: BlobAddress, *, keep: bool) -> AbstractAsyncContextManager[Kept | Fetched]: ...


class Commit(NamedTuple):
    """What to commit, given the chunk digests. `recorded` is the record that comes with it, if it is new.

    `looked`: it is known already that the bytes do not lie here.
    """

    operation: Callable[[bytes], Operation[bool]]
    recorded: AssetRecord | None
    looked: bool = False


def as_replica(record: AssetRecord, origin: Origin) -> Commit:
    """A record that comes from elsewhere, with its blob."""
    return Commit(lambda digests: store_replica(record, digests, origin), record)


def as_repair(record: AssetRecord, origin: Origin) -> Commit:
    """A blob whose record is here."""
    return Commit(lambda digests: repaired(record.blob, digests, origin), None)
