"""Proof over a whole set, one branch of its trees at a time: who lacks what, asked now, read now if `deep`.

A difference between two nodes may be an upload on its way: what looks missing is asked about again, by
name, before it is called a problem. A node that cannot be asked is named, and nothing is ever called
complete without it. Called by verify_api; keeps nothing between calls, so that a walk over the 256 branches
can be broken off and resumed by whoever drives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import chain

from atoll.model import Node
from atoll.node_api import AssetState
from atoll.repair_api import MAX_UNHELD, AssetItem, BlobItem, Proof
from query_service.branch_reading import BranchDigests, BranchReader
from query_service.branch_view import BranchView, Problem, Tally
from query_service.node_states import states_of
from query_service.proof_rounds import ProofRounds
from query_service.survey import Surveyor
from query_service.testimony import Witnesses

LOOKS = 4  # how often something is looked for before it is missing
PAUSE = 0.5  # seconds between looks, doubled each time

BlobName = tuple[str, str]


class Verification:
    """Verifies branches of sets."""

    def __init__(
        self,
        reader: BranchReader,
        proofs: ProofRounds,
        witnesses: Witnesses,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._reader, self._proofs, self._witnesses, self._sleep = reader, proofs, witnesses, sleep
        self._surveyor = Surveyor(reader, witnesses)

    async def settled(self, set_name: str, members: Sequence[Node], *, deep: bool) -> list[BranchView]:
        """The branches that one look at all members proves; `deep`: those with nothing to be read."""
        survey = await self._surveyor.look(members)
        if survey is None:
            return []
        tallies = [Tally(set_name, branch) for branch in (survey.empty() if deep else survey.alike())]
        for tally in tallies:
            tally.copies = survey.copies(tally.branch)
            tally.images = max(tally.copies.values(), default=0)
        return [tally.view() for tally in tallies]

    async def branch(self, set_name: str, members: Sequence[Node], branch: int, *, deep: bool) -> BranchView:
        """What the members of a set hold in one branch of the hashes."""
        blobs, assets, unheld = await asyncio.gather(
            self._reader.digests(members, "blobs", branch),
            self._reader.digests(members, "assets", branch),
            self._witnesses.ask(members, "GET", f"/internal/v1/unheld/{branch:02x}", list[BlobItem]),
        )
        tally = Tally(set_name, branch)
        tally.more |= any(len(items) >= MAX_UNHELD for items in unheld.said.values())
        doubtful = chain.from_iterable(unheld.said.values())
        await self._check_blobs(members, blobs, doubtful, tally, deep=deep)
        await self._check_records(members, assets, tally)
        tally.unasked |= {**blobs.unasked, **assets.unasked, **unheld.unasked}
        return tally.view()

    async def _check_blobs(
        self,
        members: Sequence[Node],
        digests: BranchDigests,
        doubtful: Iterable[BlobItem],
        tally: Tally,
        *,
        deep: bool,
    ) -> None:
        """`doubtful`: what a node had a record of and no bytes. They may have come by now: it was being
        replaced, perhaps because another branch had just found its copy bad."""
        lacking: dict[str, dict[BlobName, BlobItem]] = {name: {} for name in digests.said}
        to_read: dict[str, list[BlobItem]] = {name: [] for name in digests.said}
        async for leaf in self._reader.blobs(members, digests, everything=deep):
            union = {(b.bucket, b.sha256): b for items in leaf.values() for b in items}
            for name, items in leaf.items():
                held = {(b.bucket, b.sha256) for b in items}
                lacking[name] |= {key: blob for key, blob in union.items() if key not in held}
                to_read[name] += items if deep else ()
        tally.count(digests, lacking)
        wanted = {(blob.bucket, blob.sha256): blob for blob in doubtful}
        wanted |= {key: blob for items in lacking.values() for key, blob in items.items()}
        if deep:
            gone = await self._read_all(members, to_read, tally)
            wanted |= {(blob.bucket, blob.sha256): blob for blob in gone}
        await self._look_again(members, list(wanted.values()), tally)

    async def _read_all(
        self, members: Sequence[Node], to_read: Mapping[str, list[BlobItem]], tally: Tally
    ) -> list[BlobItem]:
        """Every node reads and hashes all it holds in the branch; which blobs were gone by then."""
        gone: list[BlobItem] = []
        rounds = (self._proofs.deep(n, to_read[n.name]) for n in members if n.name in to_read)
        for name, proven, reason in await asyncio.gather(*rounds):
            gone += [blob for blob, proof in proven if not tally.read(name, blob, proof)]
            if reason:
                tally.unasked[name] = reason
        return gone

    async def _look_again(self, members: Sequence[Node], blobs: list[BlobItem], tally: Tally) -> None:
        """Call missing what a node still lacks after several looks while it or another should hold it."""
        pause = PAUSE
        for look in range(LOOKS):
            if not blobs:
                return
            if look:
                await self._sleep(pause)
                pause *= 2
            found = await self._proofs.shallow(members, blobs)
            tally.unasked |= found.unasked
            blobs = [
                b for i, b in enumerate(blobs) if _doubtful([proofs[i] for proofs in found.said.values()])
            ]
        found = await self._proofs.shallow(members, blobs)
        tally.unasked |= found.unasked
        held_by_some = [any(p[i].held for p in found.said.values()) for i in range(len(blobs))]
        for name, given in found.said.items():
            for blob, proof, held in zip(blobs, given, held_by_some, strict=True):
                if not proof.held and (held or proof.needed):
                    tally.problems.append(Problem(name, "missing", blob.bucket, blob.sha256))

    async def _check_records(self, members: Sequence[Node], digests: BranchDigests, tally: Tally) -> None:
        lacking: dict[str, set[AssetItem]] = {name: set() for name in digests.said}
        async for leaf in self._reader.assets(members, digests, everything=False):
            union = frozenset(item for items in leaf.values() for item in items)
            for name, items in leaf.items():
                lacking[name] |= union - items
        by_name = {node.name: node for node in members}
        for name, absent in lacking.items():
            for item in await self._still_lacking(by_name[name], absent, tally):
                tally.problems.append(Problem(name, "record missing", "", "", item.asset_id))

    async def _still_lacking(self, node: Node, items: Iterable[AssetItem], tally: Tally) -> list[AssetItem]:
        left, pause = sorted(items), PAUSE
        for look in range(LOOKS):
            if not left:
                return []
            if look:
                await self._sleep(pause)
                pause *= 2
            states = await self._states(node, left, tally)
            if states is None:
                return []
            left = [item for item in left if not _known(states[item.asset_id], item)]
        return left

    async def _states(
        self, node: Node, items: Sequence[AssetItem], tally: Tally
    ) -> Mapping[str, AssetState] | None:
        told = await states_of(self._witnesses, node, sorted({item.asset_id for item in items}))
        tally.unasked |= told.unasked
        return None if told.unasked else told.states


def _doubtful(proofs: Sequence[Proof]) -> bool:
    """Some hold it and some do not, or somebody should. What nobody holds nor needs was deleted meanwhile."""
    return len({proof.held for proof in proofs}) > 1 or any(proof.needed for proof in proofs)


def _known(state: AssetState, item: AssetItem) -> bool:
    buried = state.tombstone.version if state.tombstone else ""
    if item.version <= buried:
        return True
    return not item.deleted and any(record.version == item.version for record in state.records)
