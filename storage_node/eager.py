"""Derivatives that a ticket or a bucket names, made after an upload instead of at the first request.

Owns a bounded queue in memory. Nothing depends on it: what does not fit, fails or is lost with the process
is made when somebody asks for it. One at a time, and only while the node is not busy, for a while at least.
Filled by uploads after their acknowledgement; `render` is the delivery's, who knows what exists already.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.backoff import Backoff
from atoll.errors import AtollError
from atoll.names import Handle

log = logging.getLogger(__name__)

Render = Callable[[str, str, Handle], Awaitable[None]]  # bucket, transformation, handle

BUSY = 0.7  # a load above which requests go first
_LOOK_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 10.0
_TRIES = 5
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.5, 5.0


class _Wanted(NamedTuple):
    bucket: str
    transformation: str
    handle: Handle


class EagerQueue:
    """`limit`: derivatives that may wait (0: none is made). `load` as in the heartbeat, 0 to 1.

    Counts what was `made`, what `failed`, and what was `dropped` because the queue was full.
    """

    def __init__(
        self,
        render: Render,
        limit: int,
        load: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._render, self._limit, self._load, self._pause = render, limit, load, pause
        self._waiting: deque[_Wanted] = deque()
        self._known: set[_Wanted] = set()
        self._something = asyncio.Event()
        self.made = self.failed = self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, bucket: str, transformations: Iterable[str], handle: Handle) -> None:
        """Have them made some time. Never blocks, never fails; on the loop's thread."""
        for text in transformations:
            wanted = _Wanted(bucket, text, handle)
            if wanted in self._known:
                continue
            if len(self._waiting) >= self._limit:
                self.dropped += 1
                continue
            self._known.add(wanted)
            self._waiting.append(wanted)
            self._something.set()

    async def run(self) -> None:
        """Make one after the other, for ever."""
        while True:
            while not self._waiting:
                self._something.clear()
                await self._something.wait()
            await self._calm()
            wanted = self._waiting.popleft()
            self._known.discard(wanted)
            await self._make(wanted)

    async def _calm(self) -> None:
        """Until the node is less busy, though not for ever: what was promised is made some time."""
        waited = 0.0
        while self._load() > BUSY and waited < _LONGEST_WAIT_SECONDS:
            await self._pause(_LOOK_SECONDS)
            waited += _LOOK_SECONDS

    async def _make(self, wanted: _Wanted) -> None:
        backoff = Backoff(_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS)
        for tries_left in reversed(range(_TRIES)):
            try:
                await self._render(*wanted)
            except AtollError as error:
                if not (error.retry_safe and tries_left):
                    self._not_made(wanted, error)
                    return
                await self._pause(backoff.next())  # requests go first, or the machine is busy with others
            else:
                self.made += 1
                return

    def _not_made(self, wanted: _Wanted, error: AtollError) -> None:
        self.failed += 1
        facts = {"bucket": wanted.bucket, "transformation": wanted.transformation, "blob": str(wanted.handle)}
        log.warning("an eager derivative was not made: %s", error.detail, extra=facts)


class EagerCollector(Collector):
    """The queue's figures as Prometheus metrics."""

    def __init__(self, queue: EagerQueue, registry: CollectorRegistry) -> None:
        self._queue = queue
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        queue = self._queue
        family = CounterMetricFamily(
            "atoll_node_eager", "Derivatives after uploads, by what came of them.", labels=["result"]
        )
        for result, value in (("made", queue.made), ("failed", queue.failed), ("dropped", queue.dropped)):
            family.add_metric([result], value)
        yield family
        yield GaugeMetricFamily("atoll_node_eager_waiting", "Of them, those to be made.", value=len(queue))
