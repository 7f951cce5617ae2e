"""What nodes tell each other, and whoever checks them, about what they hold: digests, receipts, proofs. Pure.

A node keeps two trees over its index. `assets` has the asset records and tombstones, placed by the
SHA-256 of their asset_id; `blobs` has the blobs held, placed by their own hash. A tree has one root,
256 branches (first byte of the place) and 65,536 leaves (first two bytes). A digest is 128 bits in hex,
empty for a range without items; the digest of a range is made of those below it, so that equal roots
mean equal contents and a difference is found in three questions (Merkle 1987; as in Dynamo, SOSP 2007, 4.7).
Called by storage_node (answers), replicator (repairs) and query_service (proves, rebuilds the catalog).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from atoll.model import (
    AssetRecord,
    BucketName,
    Extension,
    Identifier,
    Label,
    Milliseconds,
    Sha256,
    Size,
    Tombstone,
)
from atoll.node_api import AssetState

Tree = Literal["assets", "blobs"]
FAN_OUT = 256
LEAVES = FAN_OUT * FAN_OUT
DIGEST_BYTES = 16
MAX_STATES = 500  # asset states asked for at once
STATES_BYTES = 2 * 2**20  # of the records in one page of states; one more may go beyond
MAX_PROOFS = 500  # blobs asked for at once
MAX_UNHELD = 1000  # records without their bytes that are told of at once
FORGOTTEN = 100  # versions deleted by themselves that a receipt tells of
MAX_LEAF_ITEMS = 1000  # items of a leaf in one answer


class TreeDigest(Struct, frozen=True):
    """A range of a tree: its digest, how many items it has, the digests of the 256 ranges below it.

    `children` is empty where only the digest was asked for, and for a range without items. `counts`: of a
    root, how many items each of its branches has; empty for a range without items.
    """

    digest: str
    items: Size
    children: tuple[str, ...] = ()
    counts: tuple[Size, ...] = ()


class Roots(Struct, frozen=True):
    """Both trees of a node, without children.

    `unchecked`: its index was made anew, and not all bytes on its disk were looked at since; until then
    `blobs` may lack some that are there.
    """

    node: Label
    assets: TreeDigest
    blobs: TreeDigest
    unchecked: bool = False


class AssetItem(Struct, frozen=True, order=True):
    """One version of an asset in the tree, or (`deleted`) its tombstone."""

    asset_id: Identifier
    version: Identifier
    deleted: bool = False


class BlobItem(Struct, frozen=True, order=True):
    """A blob held."""

    bucket: BucketName
    sha256: Sha256
    ext: Extension
    size: Size


class LeafItems(Struct, frozen=True):
    """A leaf's items in order, one page of them; `after` asks for the next page, None at the end."""

    assets: tuple[AssetItem, ...] = ()
    blobs: tuple[BlobItem, ...] = ()
    after: str | None = None


class StatesOrder(Struct, frozen=True):
    """Ask for all that a node knows of these assets; the answer is a list of AssetState, in order.

    `paged`: as much of it as fits one answer, as a StatesPage. A node that knows no pages gives the list.
    `before`: of the first asset only the records whose version is less.
    """

    asset_ids: Annotated[tuple[Identifier, ...], Meta(max_length=MAX_STATES)]
    paged: bool = False
    before: Identifier | None = None


class StatesPage(Struct, frozen=True):
    """The states of the first of the assets asked for, at least one, in order.

    `before`: older records of the last of them were left out; ask for it once more with this. Its tombstone
    comes with each part.
    """

    states: tuple[AssetState, ...]
    before: Identifier | None = None


StatesAnswer = list[AssetState] | StatesPage


class HeldReceipt(Struct, frozen=True):
    """A node holds a version's bytes: since when, last read and found right when."""

    version: Identifier
    sha256: Sha256
    fsynced_at: Milliseconds
    verified_at: Milliseconds


class RemovedReceipt(Struct, frozen=True):
    """A node took a deleted version's bytes (derivatives, RAM copies) out of service, then erased them.

    `shared`: the bytes stay because another asset uses them. `purged_at` is None while they lie in the trash.
    """

    sha256: Sha256
    removed_at: Milliseconds
    purged_at: Milliseconds | None
    shared: bool = False


class Restorable(Struct, frozen=True):
    """A version in the trash. `stone`: the id of the tombstone that it has if it is deleted by itself."""

    version: Identifier
    stone: Identifier


class NodeReceipt(Struct, frozen=True):
    """All that one node can testify about one asset. `applied_at`: when the tombstone became durable here.

    `lacking`: versions that have a record here but not their bytes. `restorable`: the newest in its trash.
    `forgotten`: the tombstones of versions that were deleted by themselves, the newest FORGOTTEN of them.
    """

    node: Label
    region: Label
    asset_id: Identifier
    held: tuple[HeldReceipt, ...] = ()
    tombstone: Tombstone | None = None
    applied_at: Milliseconds | None = None
    removed: tuple[RemovedReceipt, ...] = ()
    lacking: tuple[Identifier, ...] = ()
    restorable: Restorable | None = None
    forgotten: tuple[Identifier, ...] = ()


class RestoreOrder(Struct, frozen=True):
    """To any node of the asset's set: bring the newest deleted version back, as a new version.

    `deleted` is the version of the tombstone that whoever restores has seen: what comes back is above it.
    `at` is when it was ordered: who carries it out late undoes no delete that came after it.
    """

    asset_id: Identifier
    bucket: BucketName
    public_id: str
    set: Label
    deleted: Identifier | None = None
    at: Milliseconds | None = None


class RestoreResult(Struct, frozen=True):
    """The record as restored, durable on `node`."""

    asset: AssetRecord
    node: Label


class ProofItem(Struct, frozen=True):
    """A blob to testify about."""

    bucket: BucketName
    sha256: Sha256
    ext: Extension


class ProofOrder(Struct, frozen=True):
    """Ask a node about blobs; `deep`: read and hash each now. The answer is a list of Proof, in order."""

    items: Annotated[tuple[ProofItem, ...], Meta(max_length=MAX_PROOFS)]
    deep: bool = False


class Proof(Struct, frozen=True):
    """A node's testimony about one blob. `bad`: held until this look found it wrong and quarantined it.

    `needed`: not held, although a record here uses it. So what is lost is told from what was deleted.
    """

    held: bool
    size: Size = 0
    fsynced_at: Milliseconds = 0
    verified_at: Milliseconds = 0
    bad: bool = False
    needed: bool = False


def leaf_of_asset(asset_id: str) -> int:
    """The leaf of an asset's records and tombstone."""
    return int.from_bytes(hashlib.sha256(asset_id.encode()).digest()[:2])


def leaf_of_blob(sha256: str) -> int:
    """The leaf of a blob."""
    return int(sha256[:4], 16)


def digest_of_assets(items: Iterable[AssetItem]) -> str:
    """The digest of a leaf of `assets`; the items may come in any order."""
    lines = (f"{'t' if i.deleted else 'r'} {i.asset_id} {i.version}\n" for i in sorted(items))
    return _digest("".join(lines).encode())


def digest_of_blobs(items: Iterable[BlobItem]) -> str:
    """The digest of a leaf of `blobs`; the items may come in any order."""
    return _digest("".join(f"{i.bucket} {i.sha256}\n" for i in sorted(items)).encode())


def digest_of_children(children: Iterable[str]) -> str:
    """The digest of a branch or root, made of all 256 below it in order; empty when all are."""
    joined = " ".join(children)
    return _digest(joined.encode()) if joined.strip() else ""


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[: 2 * DIGEST_BYTES] if body else ""
