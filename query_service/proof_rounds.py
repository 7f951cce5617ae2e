"""Asking nodes about many blobs, in rounds that fit one request and one deadline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atoll.model import Node
from atoll.repair_api import MAX_PROOFS, BlobItem, Proof, ProofItem, ProofOrder
from query_service.testimony import Testimony, Witnesses

DEEP_BYTES = 64 * 2**20  # read and hashed in one round
DEEP_ITEMS = 200
DEEP_SECONDS = 120.0
SHALLOW_SECONDS = 10.0
_PATH = "/internal/v1/proofs"


class ProofRounds:
    """Asks in rounds."""

    def __init__(self, witnesses: Witnesses) -> None:
        self._witnesses = witnesses

    async def shallow(self, members: Sequence[Node], blobs: Sequence[BlobItem]) -> Testimony[list[Proof]]:
        """What every member's index says of these blobs, in order."""
        said: dict[str, list[Proof]] = {node.name: [] for node in members}
        unasked: dict[str, str] = {}
        for start in range(0, len(blobs), MAX_PROOFS):
            left = [node for node in members if node.name not in unasked]
            part = blobs[start : start + MAX_PROOFS]
            answers = await self._ask(left, part, deep=False, seconds=SHALLOW_SECONDS)
            unasked |= answers.unasked
            for name, proofs in answers.said.items():
                said[name] += proofs
        return Testimony({name: p for name, p in said.items() if name not in unasked}, unasked)

    async def deep(
        self, node: Node, blobs: Sequence[BlobItem]
    ) -> tuple[str, list[tuple[BlobItem, Proof]], str | None]:
        """The node's name, its proof of each blob it read and hashed now, and why it stopped if it did."""
        proven: list[tuple[BlobItem, Proof]] = []
        for part in _rounds(blobs):
            answers = await self._ask([node], part, deep=True, seconds=DEEP_SECONDS)
            if node.name in answers.unasked:
                return node.name, proven, answers.unasked[node.name]
            proven += zip(part, answers.said[node.name], strict=True)
        return node.name, proven, None

    async def _ask(
        self, members: Sequence[Node], part: Sequence[BlobItem], *, deep: bool, seconds: float
    ) -> Testimony[list[Proof]]:
        order = ProofOrder(tuple(ProofItem(b.bucket, b.sha256, b.ext) for b in part), deep=deep)
        answers = await self._witnesses.ask(members, "POST", _PATH, list[Proof], body=order, seconds=seconds)
        short = {name: "It told of fewer blobs." for name, p in answers.said.items() if len(p) != len(part)}
        said = {name: p for name, p in answers.said.items() if name not in short}
        return Testimony(said, {**answers.unasked, **short})


def _rounds(blobs: Sequence[BlobItem]) -> Iterator[list[BlobItem]]:
    part: list[BlobItem] = []
    size = 0
    for blob in blobs:
        if part and (len(part) == DEEP_ITEMS or size + blob.size > DEEP_BYTES):
            yield part
            part, size = [], 0
        part.append(blob)
        size += blob.size
    if part:
        yield part
