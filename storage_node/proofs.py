"""Proofs: what this node testifies about blobs, from its index, or by reading and hashing each one now.

A deep look reads a few blobs at a time, chunk by chunk, so that neither memory nor the disk is flooded; a
copy that proves bad is judged as if a reader had met it (quarantine.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

import msgspec

from atoll.repair_api import Proof, ProofItem, ProofOrder
from storage_node.index import HeldBlob, Index
from storage_node.index_repairs import reverified
from storage_node.origin import Origin
from storage_node.quarantine import Quarantine, Verdict
from storage_node.store import BlobStore
from storage_node.verified_read import BadCopy, second_look

_AT_ONCE = 2


class Proofs:
    """`readers` are the threads that read and hash."""

    def __init__(
        self, index: Index, store: BlobStore, origin: Origin, quarantine: Quarantine, readers: Executor
    ) -> None:
        self._index, self._store, self._origin = index, store, origin
        self._quarantine, self._readers = quarantine, readers
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def give(self, order: ProofOrder) -> list[Proof]:
        """A proof for each item, in order."""
        loop = asyncio.get_running_loop()
        shallow = await loop.run_in_executor(self._readers, self._look, order.items)
        if not order.deep:
            proofs = [_proof(held) for held in shallow]
        else:
            proofs = list(await asyncio.gather(*(self._deep(held) for held in shallow)))
        return await loop.run_in_executor(self._readers, self._with_needed, order.items, proofs)

    def _with_needed(self, items: Sequence[ProofItem], proofs: Sequence[Proof]) -> list[Proof]:
        """Who does not hold a blob says whether it should."""
        return [
            proof if proof.held or not self._needed(item) else msgspec.structs.replace(proof, needed=True)
            for item, proof in zip(items, proofs, strict=True)
        ]

    def _needed(self, item: ProofItem) -> bool:
        record = self._index.record_of_blob(item.bucket, item.sha256)
        return record is not None and record.blob.ext == item.ext

    def _look(self, items: Sequence[ProofItem]) -> list[HeldBlob | None]:
        found = [self._index.blob(item.bucket, item.sha256) for item in items]
        return [
            held if held is not None and held.blob.ext == item.ext else None
            for item, held in zip(items, found, strict=True)
        ]

    async def _deep(self, held: HeldBlob | None) -> Proof:
        if held is None:
            return Proof(held=False)
        async with self._places:
            loop = asyncio.get_running_loop()
            try:
                return await loop.run_in_executor(self._readers, self._read_again, held)
            except BadCopy as bad:
                return await self._judge(bad)

    def _read_again(self, held: HeldBlob) -> Proof:
        digests = second_look(self._store, held)
        if digests is None:
            raise BadCopy(held, "a deep look found other bytes than its name says")
        now = self._origin.now_ms()
        self._index.write(reverified(held.key, digests, now)).result()
        return Proof(True, held.blob.size, held.fsynced_at, now)

    async def _judge(self, bad: BadCopy) -> Proof:
        verdict = await self._quarantine.judge(bad)
        if verdict is Verdict.GOOD:
            loop = asyncio.get_running_loop()
            blob = bad.held.blob
            return _proof(
                await loop.run_in_executor(self._readers, self._index.blob, blob.bucket, blob.sha256)
            )
        return Proof(held=False, bad=verdict is not Verdict.GONE)


def _proof(held: HeldBlob | None) -> Proof:
    if held is None:
        return Proof(held=False)
    return Proof(True, held.blob.size, held.fsynced_at, held.verified_at)
