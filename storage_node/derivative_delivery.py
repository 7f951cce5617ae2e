"""GET and HEAD of a derivative by a client: from memory, disk, the region's owner, or rendered. Never wrong.

Called by delivery.py for every path with something between bucket and set. The order: understand the path,
check the door, move to the canonical URL, read the client's headers, choose, make, answer. Whatever goes
wrong after the path was understood is answered here, because such an answer has its own `Vary`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from aiohttp import web

from atoll.errors import AtollError, NotFound
from atoll.names import Handle
from atoll.transformation.named import expanded
from atoll.transformation.negotiation import Hints
from atoll.transformation.parser import parse
from atoll.transformation.policy import Definitions
from storage_node.blob_address import BlobAddress
from storage_node.blob_answer import Answers, conditions_of
from storage_node.derivative import Derivative
from storage_node.derivative_answer import (
    FALLBACK_SECONDS,
    PROVISIONAL_SECONDS,
    Terms,
    moved,
    refusal,
    shown,
    tag_of,
)
from storage_node.derivative_background import Background
from storage_node.derivative_choice import Choice, Chosen
from storage_node.derivative_hot import HotUrls
from storage_node.derivative_layers import LayerSearch
from storage_node.derivative_making import Made, Making
from storage_node.derivative_memory import DerivativeMemory
from storage_node.derivative_metrics import DerivativeMetrics
from storage_node.derivative_names import SavedAs
from storage_node.derivative_request import Asked, DerivativeDoor, Lease
from storage_node.derivative_resolution import Wanted, is_mutable
from storage_node.peers import Peers
from storage_node.ram_cache import Entry
from storage_node.ranges import Conditions, is_unmodified
from storage_node.read_metrics import ReadMetrics
from storage_node.sending import from_memory


@dataclass(frozen=True, slots=True)
class _Visit:
    """One request that may be answered. `seen_drops`: of the RAM cache, when it began; `seen_clears`: of the
    URLs that are answered from it."""

    request: web.Request
    asked: Asked
    lease: Lease
    hints: Hints
    conditions: Conditions
    seen_drops: int
    seen_clears: int

    def is_bodiless(self, derivative: Derivative) -> bool:
        """Whether the answer has no body. `PreconditionFailed`."""
        unmodified = is_unmodified(self.conditions, tag_of(derivative))
        return self.request.method == "HEAD" or unmodified


class _Got(NamedTuple):
    derivative: Derivative
    body: bytes
    origin: str
    entry: Entry | None


class DerivativeDelivery:
    """See the module. `mutable_seconds`: how long an answer may be kept that can change its meaning."""

    def __init__(
        self,
        door: DerivativeDoor,
        choice: Choice,
        layers: LayerSearch,
        memory: DerivativeMemory,
        maker: Making,
        background: Background,
        hot: HotUrls,
        saved_as: SavedAs,
        peers: Peers,
        answers: Answers,
        counts: DerivativeMetrics,
        reads: ReadMetrics,
        mutable_seconds: int,
    ) -> None:
        self._door, self._choice, self._layers, self._memory = door, choice, layers, memory
        self._maker, self._background, self._hot, self._saved_as = maker, background, hot, saved_as
        self._peers, self._answers, self._counts, self._reads = peers, answers, counts, reads
        self._mutable_seconds = mutable_seconds

    async def handle(self, request: web.Request, path: str) -> web.StreamResponse:
        """The answer to a GET or HEAD of the raw `path`; a refusal too."""
        asked = None
        try:
            asked = self._door.read(path)
            return await self._admitted(request, asked, self._door.admit(request, asked))
        except AtollError as error:
            if isinstance(error, NotFound) or error.status >= 500:
                self._reads.miss.requests += 1
            return refusal(error, asked, request)

    async def prepare(self, bucket: str, transformation: str, handle: Handle) -> None:
        """Make what will be asked for under `transformation`, when there is nothing else to do."""
        for wanted in await self._every(bucket, transformation, handle):
            if await self._maker.find(wanted) is None:
                await self._maker.make(wanted, patient=True)

    async def rendition(self, bucket: str, transformation: str, handle: Handle) -> Made:
        """What a `transformation` that leaves nothing to who asks makes of a blob, when there is a place."""
        wanted, *_ = await self._every(bucket, transformation, handle)
        return await self._maker.make(wanted, patient=True)

    async def _every(self, bucket: str, transformation: str, handle: Handle) -> list[Wanted]:
        meant_for = self._door.bucket(bucket)
        definitions = Definitions(meant_for.bucket, meant_for.limits)
        meant = expanded(parse(transformation, meant_for.limits), definitions, meant_for.limits)
        return await self._choice.every(BlobAddress(bucket, handle), meant, meant_for.limits)

    async def _admitted(self, request: web.Request, asked: Asked, lease: Lease) -> web.StreamResponse:
        if not asked.is_canonical:
            self._counts.moved += 1
            query = request.raw_path.partition("?")[2]
            return moved(asked, Terms(lease, asked.questions, None), query)
        if asked.unknown is not None:
            raise asked.unknown
        handle = asked.path.handle
        if not self._peers.knows_set(handle.set):
            raise NotFound(f"There is no set {handle.set!r}.", set=handle.set)
        hints = self._door.hints(request, asked.questions)
        seen_drops, seen_clears = self._memory.seen_drops, self._hot.seen_clears  # nothing was awaited yet
        visit = _Visit(request, asked, lease, hints, conditions_of(request), seen_drops, seen_clears)
        address = BlobAddress(asked.path.bucket, handle)
        try:
            return await self._shown(visit, address)
        except NotFound:
            fallback = await self._fallback(asked, address)
            if fallback is None:
                raise
        return await self._shown(visit, fallback, FALLBACK_SECONDS)

    async def _fallback(self, asked: Asked, address: BlobAddress) -> BlobAddress | None:
        """What `d_` names for an image that is not there."""
        if asked.meant.fallback is None:
            return None
        found = await self._layers.find(address.bucket, asked.meant.fallback)
        return found.address if found is not None and found.address != address else None

    async def _shown(
        self, visit: _Visit, address: BlobAddress, longest: int | None = None
    ) -> web.StreamResponse:
        """The answer made of the blob at `address`, to be kept for `longest` seconds at most."""
        asked = visit.asked
        chosen = await self._choice.of(address, asked.meant, visit.hints, asked.limits)
        saved_as = await self._saved_as.name(asked.meant, address)
        got, provisional = await self._best(visit, chosen)  # the last wait: what was got may leave memory
        limits = [longest, PROVISIONAL_SECONDS if provisional else None, self._mutable(asked)]
        known = [limit for limit in limits if limit is not None]
        terms = Terms(visit.lease, asked.questions, min(known, default=None), saved_as)
        if got.entry is not None and not provisional and longest is None:
            layered, seen = bool(chosen.wanted.layers), visit.seen_clears
            self._hot.remember(
                visit.request, visit.hints, got.entry, terms, layered=layered, seen_clears=seen
            )
        pieces = partial(from_memory, got.body)
        what = shown(got.derivative, terms, got.origin)
        served = getattr(self._counts, got.origin)
        return await self._answers.show(visit.request, visit.conditions, what, served, pieces)

    def _mutable(self, asked: Asked) -> int | None:
        return self._mutable_seconds if is_mutable(asked.transformation) or is_mutable(asked.meant) else None

    async def _best(self, visit: _Visit, chosen: Chosen) -> tuple[_Got, bool]:
        """What is chosen, or what stands in for it; and whether it does that."""
        if chosen.meanwhile is None or await self._is_there(chosen.wanted):
            return await self._get(visit, chosen.wanted), False
        if self._maker.is_refused(chosen.wanted):  # it will not come: this is as good as it gets
            return await self._get(visit, chosen.meanwhile), False
        self._background.add(chosen.wanted)
        self._counts.provisional += 1
        return await self._get(visit, chosen.meanwhile), True

    async def _is_there(self, wanted: Wanted) -> bool:
        return self._memory.get(wanted) is not None or await self._maker.find(wanted) is not None

    async def _get(self, visit: _Visit, wanted: Wanted) -> _Got:
        entry = self._memory.get(wanted)
        if entry is not None and entry.derivative is not None:
            return _Got(entry.derivative, entry.body, "ram", entry)
        if visit.request.method == "HEAD" or visit.conditions.if_none_match is not None:
            found = await self._maker.find(wanted)
            if found is not None and visit.is_bodiless(found):
                return _Got(found, b"", "disk", None)
        made = await self._maker.make(wanted)
        entry = self._memory.remember(wanted, made, visit.seen_drops)
        return _Got(made.derivative, made.body, made.origin, entry)
