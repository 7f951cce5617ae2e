"""One derivative from wherever it comes: the disk, the region's owner, or a rendering worker here.

In this order, and one flight for all who want the same at the same time. A node that owns never asks on: two
that disagree about the owner would ask each other for ever. Whether somebody may have it is decided before,
how it is answered after. Called by `derivative_delivery`, `derivative_internal` and `derivative_background`.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Literal, NamedTuple, Protocol

from atoll.errors import Undecodable
from atoll.model import Node
from storage_node.derivative import BadDerivative, Derivative, DerivativeKey
from storage_node.derivative_metrics import DerivativeMetrics
from storage_node.derivative_peers import Owners
from storage_node.derivative_refusals import RefusedDerivatives
from storage_node.derivative_renders import Renders
from storage_node.derivative_resolution import Wanted
from storage_node.derivative_store import DerivativeStore
from storage_node.derivative_wire import Question
from storage_node.disk_calls import DiskReads
from storage_node.flights import Flights
from storage_node.store import StoreFailed

_AT_ONCE = 4096


class Made(NamedTuple):
    """A derivative, all its bytes, and where they came from."""

    derivative: Derivative
    body: bytes
    origin: Literal["disk", "peer", "rendered"]


class Making(Protocol):
    """Where derivatives come from: `Maker`, or home (workers/at_home.py)."""

    async def find(self, wanted: Wanted) -> Derivative | None: ...

    def is_refused(self, wanted: Wanted) -> bool: ...

    async def make(self, wanted: Wanted, *, alone: bool = False, patient: bool = False) -> Made: ...


class Maker:
    """`reads` and `writes` have the threads that do; `own_set`: only its derivatives are kept."""

    def __init__(
        self,
        own_set: str,
        store: DerivativeStore,
        owners: Owners,
        renders: Renders,
        reads: DiskReads,
        writes: DiskReads,
        counts: DerivativeMetrics,
    ) -> None:
        self._own_set, self._store, self._owners, self._renders = own_set, store, owners, renders
        self._reads, self._writes, self._counts = reads, writes, counts
        self._refused = RefusedDerivatives(time.monotonic)
        self._flights: Flights[tuple[DerivativeKey, bool, int], Made] = Flights("derivatives", _AT_ONCE)

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()

    async def find(self, wanted: Wanted) -> Derivative | None:
        """Its facts, if it is kept here. None as well when the disk gives no answer: others may have it."""
        try:
            return await self._reads.run(partial(self._store.find, wanted.key))
        except StoreFailed:
            return None

    def is_refused(self, wanted: Wanted) -> bool:
        """Whether it could not be made a moment ago, for a reason that stays."""
        try:
            self._refused.check(wanted.key)
        except Undecodable:
            return True
        return False

    async def make(self, wanted: Wanted, *, alone: bool = False, patient: bool = False) -> Made:
        """The derivative. `alone`: another node asks, so none may be asked.

        `NotFound` without a source, `Undecodable` and its kin when it cannot be made, `TooManyRequests` when
        too many wait, `Failed` when it is our fault.
        """
        self._refused.check(wanted.key)
        owner = None if alone else self._owners.other(wanted)
        work = partial(self._make, wanted, owner, patient)
        try:
            # As with blobs: who comes after a drop shares no rendering from before it.
            return await self._flights.run((wanted.key, owner is None, self._store.drops), work)
        except Undecodable as error:
            self._refused.remember(wanted.key, error)
            raise

    async def _make(self, wanted: Wanted, owner: Node | None, patient: bool) -> Made:
        seen_drops = self._store.drops
        if (kept := await self._kept(wanted)) is not None:
            return kept
        if owner is None:
            return Made(*await self._renders.render(wanted, seen_drops, patient=patient), "rendered")
        await self._renders.ensure_source(wanted)
        given = await self._owners.ask(owner, Question(wanted, patient))
        if given is None:
            self._counts.fallbacks += 1
            return await self.make(wanted, alone=True, patient=patient)
        await self._adopt(wanted, *given, seen_drops)
        return Made(*given, "peer")

    async def _kept(self, wanted: Wanted) -> Made | None:
        found = await self.find(wanted)
        if found is None:
            return None
        try:
            return Made(found, await self._reads.run(partial(self._store.read, found)), "disk")
        except BadDerivative:
            self._counts.bad += 1
        except StoreFailed:
            pass  # as in `find`
        return None

    async def _adopt(self, wanted: Wanted, derivative: Derivative, body: bytes, seen_drops: int) -> None:
        """Keep what a peer made; that it cannot be kept is no reason not to show it."""
        if wanted.address.handle.set != self._own_set:
            return
        own_layers = wanted.layers_of(self._own_set)
        try:
            await self._writes.run(partial(self._store.adopt, derivative, body, seen_drops, own_layers))
        except (BadDerivative, StoreFailed):
            self._counts.bad += 1
