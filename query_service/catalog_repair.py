"""The catalog against the nodes, one branch of a set's assets at a time: compared, and rebuilt if asked.

The order is what makes it safe while people upload and delete: first the catalog is read, then the nodes. A
document that was there before and that no node knows after is a ghost; an upload in between cannot be taken
for one. Writing goes through the same rules as events (the greater version wins), so a repair and the
indexer never undo each other. A ghost is removed only when every member of the set was asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from atoll.model import AssetRecord, Node, Tombstone
from atoll.node_api import AssetState
from atoll.repair_api import FAN_OUT, BlobItem
from query_service.branch_reading import BranchReader
from query_service.catalog import Catalog
from query_service.catalog_documents import Mark, blob_key
from query_service.catalog_fold import Fold, folded
from query_service.catalog_places import with_losses, wrong_locations
from query_service.catalog_version_documents import version_key
from query_service.node_states import states_of
from query_service.proof_rounds import ProofRounds
from query_service.survey import Surveyor
from query_service.testimony import Witnesses


class CatalogBranch(Struct, frozen=True):
    """What the comparison found. `ghosts`: in the catalog, on no node. `rebuilt`: it was mended as well.
    `…_versions` count the records of all versions, the current ones too.

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
    missing_versions: int = 0
    ghost_versions: int = 0


def _nothing(set_name: str, branch: int) -> CatalogBranch:
    return CatalogBranch(
        set=set_name,
        branch=f"{branch:02x}",
        assets=0,
        missing=0,
        outdated=0,
        ghosts=0,
        wrong_locations=0,
        rebuilt=False,
        complete=True,
        unasked={},
        changed=[],
    )


class _Known(Struct):
    """What the nodes together know of a branch."""

    records: dict[str, AssetRecord]
    versions: dict[str, AssetRecord]
    tombstones: dict[str, Tombstone]
    unasked: dict[str, str]


class CatalogRepair:
    """Compares and rebuilds."""

    def __init__(
        self, catalog: Catalog, reader: BranchReader, proofs: ProofRounds, witnesses: Witnesses
    ) -> None:
        self._catalog, self._reader, self._proofs, self._witnesses = catalog, reader, proofs, witnesses
        self._surveyor = Surveyor(reader, witnesses)

    async def settled(self, set_name: str, members: Sequence[Node]) -> list[CatalogBranch]:
        """The branches in which neither the catalog nor any node has anything; the catalog is read first."""
        kept = await self._catalog.branches_of(set_name)
        survey = await self._surveyor.look(members)
        empty = survey.empty() if survey else []
        return [_nothing(set_name, branch) for branch in empty if branch not in kept]

    async def branch(
        self, set_name: str, members: Sequence[Node], branch: int, *, write: bool
    ) -> CatalogBranch:
        """One branch of a set."""
        leaves = range(branch * FAN_OUT, (branch + 1) * FAN_OUT)
        kept = await self._catalog.in_leaves(set_name, leaves)
        history = await self._catalog.versions_in_leaves(set_name, leaves)
        known = await self._known(members, branch)
        marks = await self._marks(members, known)
        missing = [i for i in known.records if i not in kept]
        no_versions = history - known.versions.keys()
        outdated = [i for i, r in known.records.items() if i in kept and kept[i].record != r]
        ghosts = {i: a.record.version for i, a in kept.items() if i not in known.records}
        wrong = wrong_locations(kept, known.records, marks)
        refused = 0
        if write:
            refused = await self._catalog.mend(
                Fold(known.records, known.versions, known.tombstones, with_losses(kept, marks))
            )
            if not known.unasked:
                await self._catalog.remove_ghosts(ghosts, sorted(no_versions))
        return CatalogBranch(
            set=set_name,
            branch=f"{branch:02x}",
            assets=len(known.records),
            missing=len(missing),
            outdated=len(outdated),
            ghosts=len(ghosts),
            missing_versions=len(known.versions.keys() - history),
            ghost_versions=len(no_versions),
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
        known = _Known({}, {}, {}, digests.unasked)
        for node in members:
            told = await states_of(self._witnesses, node, sorted(holders.get(node.name, ())))
            known.unasked |= told.unasked
            for state in told.states.values():
                _take(known, state)
        _drop_covered(known)
        return known

    async def _marks(self, members: Sequence[Node], known: _Known) -> dict[str, dict[str, Mark]]:
        """Who holds the bytes of the records, as the nodes themselves say; nothing of who was not asked."""
        blobs = {blob_key(r.bucket, r.blob.sha256): r.blob for r in known.versions.values()}
        items = [BlobItem(b.bucket, b.sha256, b.ext, b.size) for b in blobs.values()]
        found = await self._proofs.shallow(members, items)
        known.unasked |= found.unasked
        regions = {node.name: node.region for node in members}
        marks: dict[str, dict[str, Mark]] = {key: {} for key in blobs}
        for name, proofs in found.said.items():
            for key, proof in zip(blobs, proofs, strict=True):
                marks[key][name] = Mark(proof.fsynced_at, proof.held, regions[name])
        return marks


def _drop_covered(known: _Known) -> None:
    """Without what is buried anywhere. Tombstones of single versions lie in other branches: the nodes hold to
    them, and so does the catalog when it is written."""
    for key, record in list(known.versions.items()):
        stone = known.tombstones.get(record.asset_id)
        if stone and stone.covers(record):
            del known.versions[key]
    known.records = folded(known.versions.values(), ()).records


def _take(known: _Known, state: AssetState) -> None:
    for record in state.records:
        known.versions[version_key(record.asset_id, record.version)] = record
    stone = state.tombstone
    if stone is not None:
        last = known.tombstones.get(stone.asset_id)
        if last is None or stone.version > last.version:
            known.tombstones[stone.asset_id] = stone
