"""What the scrubber remembers over restarts: whether it is paused, its round, unreadable pictures."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from atoll.scrub_api import UnreadablePicture
from storage_node.index import HeldBlob, Index
from storage_node.origin import Origin
from storage_node.scrub_rows import ScrubMemory, remember, remembered

log = logging.getLogger(__name__)

_MOST = 100  # unreadable pictures


class ScrubNotes:
    """Every change is durable when its method returns. Loop-thread only, but for what says that it blocks."""

    def __init__(self, index: Index, origin: Origin) -> None:
        self._index, self._origin = index, origin
        self.memory = ScrubMemory()

    def load(self) -> None:
        """Before anything else. Blocks."""
        self.memory = self._index.read(remembered)

    async def pause(self, paused: bool) -> None:
        """Pause, or go on."""
        await self._remember(msgspec.structs.replace(self.memory, paused=paused))
        log.info("scrubbing is %s", "paused" if paused else "resumed")

    async def begin_round(self, still_held: tuple[UnreadablePicture, ...]) -> None:
        """A round begins now; unreadable pictures that were deleted meanwhile are forgotten."""
        await self._remember(ScrubMemory(self.memory.paused, self._origin.now_ms(), still_held))

    def still_held(self) -> tuple[UnreadablePicture, ...]:
        """The unreadable pictures that are still here. Blocks."""
        return tuple(p for p in self.memory.unreadable if self._index.blob(p.bucket, p.sha256) is not None)

    def knows(self, held: HeldBlob) -> bool:
        """Whether the picture was unreadable when last looked at."""
        return len(self._others(held)) < len(self.memory.unreadable)

    async def looked_at(self, held: HeldBlob, fault: str) -> None:
        """An unreadable picture is remembered; one that can be read again is forgotten."""
        blob, others = held.blob, self._others(held)
        if fault:
            facts = {"bucket": blob.bucket, "sha256": blob.sha256, "reason": fault}
            log.error("a blob has the right bytes and cannot be decoded", extra=facts)
            others += (UnreadablePicture(blob.bucket, blob.sha256, blob.ext, fault, self._origin.now_ms()),)
        await self._remember(msgspec.structs.replace(self.memory, unreadable=others[-_MOST:]))

    def _others(self, held: HeldBlob) -> tuple[UnreadablePicture, ...]:
        name = (held.blob.bucket, held.blob.sha256)
        return tuple(p for p in self.memory.unreadable if (p.bucket, p.sha256) != name)

    async def _remember(self, memory: ScrubMemory) -> None:
        await asyncio.wrap_future(self._index.write(remember(memory)))
        self.memory = memory
