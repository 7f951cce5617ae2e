"""The catalog against the nodes, one branch of a set's assets at a time: compared, and rebuilt if asked.

The order is what makes it safe while people upload and delete: first the catalog is read, then the nodes. A
document that was there before and that no node knows after is a ghost; an upload in between cannot be taken
for one. Writing goes through the same rules as events (the greater version wins), so a repair and the
indexer never undo each other. A ghost is removed only when every member of the set was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from atoll.model import AssetRecord, Node, Tombstone
from atoll.node_api import AssetState
from atoll.repair_api import FAN_OUT, MAX_STATES, BlobItem, StatesOrder
from query_service.branch_reading import BranchReader
from query_service.catalog import Catalog
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_documents import Mark, blob_key
from query_service.catalog_fold import Fold
from query_service.proof_rounds import ProofRounds
from query_service.testimony import Witnesses


class CatalogBranch(Struct, frozen=True):
    """What the comparison found. `ghosts`: in the catalog, on no node. `rebuilt`: it was mended as well.

    `complete`: every member was asked. `changed`: assets that may look different now. `refused`: documents
    that MongoDB would not take; the service's log says why.
    """

    set: str
    branch: str
    assets: int
    missing: int
    outdated: int
    ghosts: int
    wrong_locations: int
    rebuilt: bool
    complete: bool
    unasked: dict[str, str]
    changed: list[str]
    refused: int = 0


class _Known(Struct):
    """What the nodes together know of a branch."""

    records: dict[str, AssetRecord]
    tombstones: dict[str, Tombstone]
    unasked: dict[str, str]


class CatalogRepair:
    """Compares and rebuilds."""

    def __init__(
        self, catalog: Catalog, reader: BranchReader, proofs: ProofRounds, witnesses: Witnesses
    ) -> None:
        self._catalog, self._reader, self._proofs, self._witnesses = catalog, reader, proofs, witnesses

    async def branch(
        self, set_name: str, members: Sequence[Node], branch: int, *, write: bool
    ) -> CatalogBranch:
        """One branch of a set."""
        leaves = range(branch * FAN_OUT, (branch + 1) * FAN_OUT)
        kept = await self._catalog.in_leaves(set_name, leaves)
        known = await self._known(members, branch)
        marks = await self._marks(members, known)
        missing = [i for i in known.records if i not in kept]
        outdated = [i for i, r in known.records.items() if i in kept and kept[i].record != r]
        ghosts = {i: a.record.version for i, a in kept.items() if i not in known.records}
        wrong = _wrong_locations(kept, known, marks)
        refused = 0
        if write:
            refused = await self._catalog.mend(
                Fold(known.records, {}, known.tombstones, _with_losses(kept, marks))
            )
            if not known.unasked:
                await self._catalog.remove_ghosts(ghosts)
        return CatalogBranch(
            set=set_name,
            branch=f"{branch:02x}",
            assets=len(known.records),
            missing=len(missing),
            outdated=len(outdated),
            ghosts=len(ghosts),
            wrong_locations=len(wrong),
            rebuilt=write,
            complete=not known.unasked,
            unasked=known.unasked,
            changed=sorted({*missing, *outdated, *ghosts, *wrong}) if write else [],
            refused=refused,
        )

    async def _known(self, members: Sequence[Node], branch: int) -> _Known:
        """The greatest version of every asset that any member has, unless it is buried anywhere."""
        digests = await self._reader.digests(members, "assets", branch)
        holders: dict[str, set[str]] = {}
        async for leaf in self._reader.assets(members, digests, everything=True):
            items = [(item.asset_id, name) for name, found in leaf.items() for item in found]
            for asset_id, name in items:
                holders.setdefault(name, set()).add(asset_id)
        known = _Known({}, {}, digests.unasked)
        for node in members:
            for state in await self._states(node, sorted(holders.get(node.name, ())), known.unasked):
                _take(known, state)
        for asset_id, stone in known.tombstones.items():
            record = known.records.get(asset_id)
            if record and record.version <= stone.version:
                del known.records[asset_id]
        return known

    async def _states(
        self, node: Node, asset_ids: Sequence[str], unasked: dict[str, str]
    ) -> list[AssetState]:
        states: list[AssetState] = []
        for start in range(0, len(asset_ids), MAX_STATES):
            order = StatesOrder(tuple(asset_ids[start : start + MAX_STATES]))
            answer = await self._witnesses.ask(
                [node], "POST", "/internal/v1/assets/states", list[AssetState], body=order, seconds=15.0
            )
            unasked |= answer.unasked
            told = answer.said.get(node.name, [])
            if not answer.unasked and len(told) != len(order.asset_ids):
                unasked[node.name] = "It told of fewer assets than it was asked about."
            states += told
        return states

    async def _marks(self, members: Sequence[Node], known: _Known) -> dict[str, dict[str, Mark]]:
        """Who holds the bytes of the records, as the nodes themselves say; nothing of who was not asked."""
        blobs = {blob_key(r.bucket, r.blob.sha256): r.blob for r in known.records.values()}
        items = [BlobItem(b.bucket, b.sha256, b.ext, b.size) for b in blobs.values()]
        found = await self._proofs.shallow(members, items)
        known.unasked |= found.unasked
        regions = {node.name: node.region for node in members}
        marks: dict[str, dict[str, Mark]] = {key: {} for key in blobs}
        for name, proofs in found.said.items():
            for key, proof in zip(blobs, proofs, strict=True):
                marks[key][name] = Mark(proof.fsynced_at, proof.held, regions[name])
        return marks


def _take(known: _Known, state: AssetState) -> None:
    for record in state.records:
        best = known.records.get(record.asset_id)
        if best is None or record.version > best.version:
            known.records[record.asset_id] = record
    stone = state.tombstone
    if stone is not None:
        last = known.tombstones.get(stone.asset_id)
        if last is None or stone.version > last.version:
            known.tombstones[stone.asset_id] = stone


def _wrong_locations(
    kept: Mapping[str, CatalogAsset], known: _Known, marks: Mapping[str, Mapping[str, Mark]]
) -> list[str]:
    """The assets of which the catalog says something else about who holds them than the nodes do."""
    wrong = []
    for asset_id, asset in kept.items():
        record = known.records.get(asset_id)
        if record is None or record != asset.record:
            continue
        said = marks[blob_key(record.bucket, record.blob.sha256)]
        believed = {place.node for place in asset.locations}
        if any(mark.held != (name in believed) for name, mark in said.items()):
            wrong.append(asset_id)
    return wrong


def _with_losses(
    kept: Mapping[str, CatalogAsset], marks: Mapping[str, Mapping[str, Mark]]
) -> dict[str, dict[str, Mark]]:
    """The marks to write. That a node lost a blob is dated just after what the catalog believes: whatever
    the node has told since is later and wins."""
    believed = {
        (blob_key(a.record.bucket, a.record.blob.sha256), place.node): place.fsynced_at
        for a in kept.values()
        for place in a.locations
    }
    result: dict[str, dict[str, Mark]] = {}
    for key, nodes in marks.items():
        for name, mark in nodes.items():
            if mark.held:
                result.setdefault(key, {})[name] = mark
            elif (key, name) in believed:
                lost = Mark(believed[key, name] + 1, False, mark.region)
                result.setdefault(key, {})[name] = lost
    return result
