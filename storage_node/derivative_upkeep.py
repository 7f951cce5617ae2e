"""What goes on beside the requests for derivatives on the disk, and their metrics. Started by app.py.

Every few seconds: asks are written down, and a disk below the node's reserve gets back what it lacks. At the
start, and after trouble with the bookkeeping: a sweep.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.errors import AtollError
from storage_node.derivative_store import DerivativeStore
from storage_node.derivative_sweep import DerivativeSweep

log = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0


class DerivativeUpkeep:
    """`shortfall`: bytes the disk lacks to the node's reserve. `threads` run what blocks."""

    def __init__(
        self,
        store: DerivativeStore,
        held: Callable[[str, str], bool],
        shortfall: Callable[[], int],
        threads: Executor,
    ) -> None:
        self._store, self._shortfall, self._threads = store, shortfall, threads
        self._stopping = False
        self._sweep = DerivativeSweep(store, held, lambda: self._stopping)

    async def run(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
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
        if gone := self._sweep.run():
            log.info("swept derivatives away that nobody knew", extra={"files": gone})


class DerivativeCollector(Collector):
    """The store's figures as Prometheus metrics, read when somebody reads /metrics."""

    def __init__(self, store: DerivativeStore, registry: CollectorRegistry) -> None:
        self._store = store
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        usage = self._store.usage()
        for name, help_text, value in (
            ("bytes", "Disk space of derivatives.", usage.bytes),
            ("count", "Derivatives on the disk.", usage.count),
        ):
            yield GaugeMetricFamily(f"atoll_node_derivative_{name}", help_text, value=value)
        for name, help_text, value in (
            ("evictions", "Derivatives that left the disk for others, or for the reserve.", usage.evictions),
            ("bad", "Derivatives on the disk that were not what was rendered.", usage.bad),
            ("unkept", "Derivatives that could not be kept on the disk.", usage.unkept),
        ):
            yield CounterMetricFamily(f"atoll_node_derivative_{name}", help_text, value=value)
