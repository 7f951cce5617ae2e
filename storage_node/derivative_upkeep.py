"""What goes on beside the requests for derivatives on the disk, and what went wrong. Started by ReadSide.

Every few seconds: asks are written down, and a disk below the node's reserve gets back what it lacks. At the
start, and after trouble with the bookkeeping: a sweep. Once a day, what shows layers of other sets goes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.errors import AtollError
from storage_node.derivative_store import DerivativeStore
from storage_node.derivative_sweep import DerivativeSweep
from storage_node.disk_probe import DiskHealth

log = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0
_LAYERS_SECONDS = 86_400.0


class DerivativeUpkeep:
    """`needed`: see DerivativeSweep. `shortfall`: bytes the disk lacks to the node's reserve.

    `threads` run what blocks; none is given to a disk that gives no answer.
    """

    def __init__(
        self,
        store: DerivativeStore,
        needed: Callable[[str, str], bool],
        shortfall: Callable[[], int],
        disk: DiskHealth,
        threads: Executor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._shortfall = store, shortfall
        self._disk, self._threads = disk, threads
        self._clock, self._layers_due = clock, clock()
        self._stopping = False
        self._sweep = DerivativeSweep(store, needed, lambda: self._stopping)

    async def run(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    if not self._disk.failing:
                        await loop.run_in_executor(self._threads, self.tend)
                except AtollError as error:
                    log.error("derivatives cannot be looked after now: %s", error.detail)
                await asyncio.sleep(_EVERY_SECONDS)
        finally:
            self._stopping = True  # the thread ends soon, not after a million files

    def tend(self) -> None:
        """Once. Blocks; `StoreFailed` when the disk or the index does not answer."""
        self._store.note_asked()
        if (lacking := self._shortfall()) > 0 and (freed := self._store.give_way(lacking)):
            log.warning("derivatives gave way to the reserve", extra={"bytes": freed})
        if self._clock() >= self._layers_due:
            self._sweep.foreign_layers()
            self._layers_due = self._clock() + _LAYERS_SECONDS
        if gone := self._sweep.run():
            log.info("swept derivatives away that nobody knew", extra={"files": gone})


class DerivativeTroubles(Collector):
    """What went wrong in the store, as Prometheus metrics. What it keeps: derivative_metrics.py."""

    def __init__(self, store: DerivativeStore, registry: CollectorRegistry) -> None:
        self._store = store
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        usage = self._store.usage()
        for name, help_text, value in (
            ("rotten", "Derivatives on the disk that were not what was rendered.", usage.bad),
            ("unkept", "Derivatives that could not be kept on the disk.", usage.unkept),
        ):
            yield CounterMetricFamily(f"atoll_node_derivatives_{name}", help_text, value=value)
