"""One asset, proven: asks the nodes of its set now, and never believes the catalog about where bytes are.

Owns finding the set of an asset, deleted ones too, with and without a catalog; receipts, deep proof and
restore. Called by proof_api.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable

from msgspec import Struct

from atoll.bus import BusUnavailable
from atoll.errors import AtollError, Gone, NotFound, Rejected, Unavailable
from atoll.model import AssetRecord, Node, Tombstone
from atoll.node_api import AssetState
from atoll.node_client import NodeClient
from atoll.repair_api import (
    NodeReceipt,
    Proof,
    ProofItem,
    ProofOrder,
    RestoreOrder,
    RestoreResult,
)
from query_service.catalog import Catalog
from query_service.catalog_errors import CatalogUnavailable
from query_service.cluster_view import Views
from query_service.deletes import Announce
from query_service.receipts import ReceiptView, judge
from query_service.testimony import Testimony, Witnesses

log = logging.getLogger(__name__)

DEEP_SECONDS = 60.0  # a node reads and hashes the blob meanwhile
RESTORE_SECONDS = 30.0  # the node may have to pull the bytes from a peer


class DeepProof(Struct, frozen=True):
    """A receipt, and what each node found when it read and hashed the bytes just now.

    `proven`: the receipt is complete and every node of the set found the right bytes.
    """

    receipt: ReceiptView
    proven: bool
    found: dict[str, str]


class AssetProof:
    """Asks the members of an asset's set."""

    def __init__(
        self,
        catalog: Catalog,
        views: Views,
        nodes: NodeClient,
        witnesses: Witnesses,
        announce: Announce,
        now_ms: Callable[[], int],
    ) -> None:
        self._catalog, self._views, self._nodes, self._now_ms = catalog, views, nodes, now_ms
        self._witnesses, self._announce = witnesses, announce

    async def receipt(self, asset_id: str) -> ReceiptView:
        """Who holds or removed it. `NotFound` when every node was asked and none knows it."""
        set_name, members, answers = await self._testimony(asset_id)
        return judge(asset_id, set_name, members, answers.said, answers.unasked)

    async def names(self, asset_id: str) -> set[tuple[str, str]]:
        """Bucket and public_id under which the nodes know it, deleted or not. `NotFound` for none."""
        _, members, answers = await self._testimony(asset_id)
        found = {(r.tombstone.bucket, r.tombstone.public_id) for r in answers.said.values() if r.tombstone}
        if not found:
            states = await self._witnesses.ask(members, "GET", f"/internal/v1/assets/{asset_id}", AssetState)
            found = {(r.bucket, r.public_id) for state in states.said.values() for r in state.records}
        if not found:
            raise NotFound("There is no such asset.", asset_id=asset_id)
        return found

    async def deep(self, asset_id: str) -> DeepProof:
        """The receipt, and every node's own hashing of the current version, now."""
        receipt = await self.receipt(asset_id)
        if receipt.state != "stored":
            return DeepProof(receipt, receipt.complete, {})
        record = await self._record(asset_id, receipt)
        item = ProofItem(record.bucket, record.blob.sha256, record.blob.ext)
        members = self._members(receipt.set)
        answers = await self._witnesses.ask(
            members,
            "POST",
            "/internal/v1/proofs",
            list[Proof],
            body=ProofOrder((item,), deep=True),
            seconds=DEEP_SECONDS,
        )
        found = {name: _finding(proofs) for name, proofs in answers.said.items()}
        found |= {name: f"not asked: {reason}" for name, reason in answers.unasked.items()}
        right = all(finding == "right" for finding in found.values())
        receipt = await self.receipt(asset_id)  # again: it tells when the bytes were last read
        return DeepProof(receipt, receipt.complete and right and bool(found), found)

    async def restore(self, asset_id: str) -> RestoreResult:
        """Bring it back from the trash, as a new version, through any node of its set."""
        set_name, members, answers = await self._testimony(asset_id)
        stone = max(
            (r.tombstone for r in answers.said.values() if r.tombstone),
            key=lambda t: t.version,
            default=None,
        )
        if stone is None:
            return await self._restore_anyway(asset_id, set_name, answers)
        order = RestoreOrder(asset_id, stone.bucket, stone.public_id, set_name, stone.version, self._now_ms())
        newest = _check_restorable(stone, answers.said.values())
        # Who heard of the delete before the last upload has an older image to bring back.
        keepers = sorted(members, key=lambda m: _kept(answers.said.get(m.name)) == newest, reverse=True)
        result = await self._first(keepers, order)
        try:
            await self._announce([asset_id])
        except BusUnavailable as error:  # the event will tell them
            log.debug("the restore of %s is not announced: %s", asset_id, error.detail)
        return result

    async def _restore_anyway(
        self, asset_id: str, set_name: str, answers: Testimony[NodeReceipt]
    ) -> RestoreResult:
        if answers.unasked:
            raise Unavailable(
                "It is not known whether this asset was deleted.", unasked=answers.unasked, retry_after=2
            )
        raise NotFound("This asset was not deleted, there is nothing to restore.", asset_id=asset_id)

    async def _first(self, members: list[Node], order: RestoreOrder) -> RestoreResult:
        """The first answer. A refusal only if all refuse: who was silent may have restored it."""
        reasons: dict[str, AtollError] = {}
        for node in members:
            try:
                return await self._nodes.call(
                    node, "POST", "/internal/v1/restores", RestoreResult, body=order, seconds=RESTORE_SECONDS
                )
            except AtollError as error:  # whatever one node says, another may be able to
                reasons[node.name] = error
        if reasons and all(isinstance(error, Rejected) for error in reasons.values()):
            raise list(reasons.values())[-1]
        told = {name: error.detail[:200] for name, error in reasons.items()}
        raise Unavailable("No node of the set could restore it now.", nodes=told, retry_after=2)

    async def _record(self, asset_id: str, receipt: ReceiptView) -> AssetRecord:
        """The current record, from any node that has it."""
        holders = [m for m in self._members(receipt.set) if m.name not in receipt.unasked]
        path = f"/internal/v1/assets/{asset_id}"
        answers = await self._witnesses.ask(holders, "GET", path, AssetState)
        records = (r for state in answers.said.values() for r in state.records)
        found = next((r for r in records if r.version == receipt.version), None)
        if found is None:
            raise Unavailable("The record of this asset cannot be read now.", retry_after=2)
        return found

    async def _testimony(self, asset_id: str) -> tuple[str, list[Node], Testimony[NodeReceipt]]:
        set_name = await self._set_in_catalog(asset_id)
        members = self._members(set_name) if set_name else self._everybody()
        path = f"/internal/v1/receipts/{asset_id}"
        answers = await self._witnesses.ask(members, "GET", path, NodeReceipt)
        if set_name is not None:
            return set_name, members, answers
        knowing = sorted({m.set for m in members if _knows(answers.said.get(m.name))})
        if not knowing:
            if answers.unasked:
                raise Unavailable(
                    "No node that answered knows this asset, and not all could be asked.",
                    unasked=answers.unasked,
                    retry_after=2,
                )
            raise NotFound("There is no such asset.", asset_id=asset_id)  # as key_reach.py says it
        found = [m for m in members if m.set == knowing[-1]]
        names = {m.name for m in found}
        said = {name: r for name, r in answers.said.items() if name in names}
        unasked = {name: why for name, why in answers.unasked.items() if name in names}
        return knowing[-1], found, Testimony(said, unasked)

    async def _set_in_catalog(self, asset_id: str) -> str | None:
        try:
            asset = await self._catalog.asset(asset_id)
        except CatalogUnavailable:
            return None  # the nodes know
        return asset.record.set if asset else None

    def _members(self, set_name: str) -> list[Node]:
        return list(self._views.current().cluster.members(set_name))

    def _everybody(self) -> list[Node]:
        cluster = self._views.current().cluster
        return [node for name in cluster.sets for node in cluster.members(name)]


def _knows(receipt: NodeReceipt | None) -> bool:
    return receipt is not None and bool(receipt.held or receipt.tombstone or receipt.lacking)


def _check_restorable(stone: Tombstone, receipts: Collection[NodeReceipt]) -> str:
    """The newest version that a trash has and that was not deleted by itself; empty: nobody has one.

    `Gone` when the asset was erased, though some trash has not heard of it; `Unavailable` when a newer image
    than all trashes have is not deleted yet on some node.
    """
    there = [version for r in receipts for version in (*(held.version for held in r.held), *r.lacking)]
    newest_there = max(there, default="")
    if not stone.purge_at and not stone.of and not stone.moved_to and newest_there <= stone.version:
        raise Gone("This asset was erased.", asset_id=stone.asset_id)
    forgotten = {one for receipt in receipts for one in receipt.forgotten}
    kept = [r.restorable for r in receipts if r.restorable and r.restorable.stone not in forgotten]
    newest = max((one.version for one in kept), default="")
    if newest < newest_there <= stone.version:
        raise Unavailable(
            "Not every node has heard of the delete yet.", asset_id=stone.asset_id, retry_after=2
        )
    return newest


def _kept(receipt: NodeReceipt | None) -> str:
    """The newest version that the node has in its trash still; empty: none."""
    return receipt.restorable.version if receipt and receipt.restorable else ""


def _finding(proofs: Iterable[Proof]) -> str:
    for proof in proofs:
        if proof.bad:
            return "wrong bytes: quarantined, a new copy is on its way"
        return "right" if proof.held else "not held"
    return "no answer"
