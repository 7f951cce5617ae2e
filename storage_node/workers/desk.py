"""Home's desk: what workers ask of it. Routes of the link only; the work is the node's usual parts'."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from storage_node.bucket_gate import BucketGate
from storage_node.commits import operation_of
from storage_node.derivative_limits import own_limits
from storage_node.derivative_wire import question_of
from storage_node.ground import Ground
from storage_node.quarantine import Verdict
from storage_node.read_side import ReadSide
from storage_node.upload_side import UploadSide
from storage_node.verified_read import BadCopy
from storage_node.workers import wire
from storage_node.workers.at_home import asks_nothing_more
from storage_node.workers.link import Call

_MOST_BODY = 4 * 2**20  # of a derivative: more would hold the link up for others


class Desk:
    """One for all workers."""

    def __init__(self, ground: Ground, reads: ReadSide, uploads: UploadSide) -> None:
        self._ground, self._reads, self._uploads = ground, reads, uploads
        self._gate = BucketGate(ground.origin, ground.cluster)
        self._limits = own_limits(ground.settings)

    @property
    def calls(self) -> Mapping[str, Call]:
        """By name; see wire.py."""
        return {
            wire.COMMIT: self._commit,
            wire.ACKNOWLEDGE: self._acknowledge,
            wire.JUDGE: self._judge,
            wire.DERIVE: self._derive,
            wire.FIND: self._find,
        }

    async def _commit(self, body: bytes) -> bytes:
        commit = wire.decode(body, wire.UploadCommit)
        operation = operation_of(commit, self._ground.origin, self._gate)
        record = await asyncio.wrap_future(self._ground.index.write(operation))
        if not commit.versions.keep:
            self._reads.removals.look()
        if asks_nothing_more(commit.ticket):
            self._uploads.stored(record, commit.ticket)
        return wire.encode(record)

    async def _acknowledge(self, body: bytes) -> bytes:
        stored = wire.decode(body, wire.Stored)
        return wire.encode(await self._uploads.acknowledger.confirmed(stored.record, stored.ticket))

    async def _judge(self, body: bytes) -> bytes:
        doubt = wire.decode(body, wire.Doubt)
        held = await asyncio.get_running_loop().run_in_executor(
            self._ground.readers, self._ground.index.blob, doubt.bucket, doubt.sha256
        )
        verdict = Verdict.GONE
        if held is not None:
            verdict = await self._reads.local.judge(BadCopy(held, doubt.reason))
        return wire.encode(verdict.value)

    async def _derive(self, body: bytes) -> bytes:
        made = await self._reads.derived.made(question_of(body.decode(), self._limits))
        fits = len(made.body) <= _MOST_BODY
        return wire.encode(wire.Derived(made.derivative, made.body if fits else None, made.origin))

    async def _find(self, body: bytes) -> bytes:
        question = question_of(body.decode(), self._limits)
        return wire.encode(await self._reads.derived.find(question.wanted))
