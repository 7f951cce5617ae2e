"""Asks NATS how it stands: each region's stream, and how far every durable consumer of it is. I/O.

The monitor asks JetStream itself and no daemon: a replicator that is dead says nothing of its backlog.
One region after another, each question with a deadline; what cannot be asked now keeps its last place in
`present`, without a figure.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, StreamInfo

from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.cluster import ClusterMap
from atoll.events import stream_of
from atoll.model import Region
from monitor.sample import Sample, Subject, Survey

log = logging.getLogger(__name__)

NATS = Subject("engine", "nats")
ANSWER_SECONDS = 4.0
MAX_CONSUMERS = 2000  # of one stream


class EngineWatch:
    """`run` asks every `seconds`; `survey` is the last answer."""

    def __init__(
        self,
        bus: Bus,
        hears: Callable[[], bool],
        cluster: Callable[[], ClusterMap],
        clock_ms: Callable[[], int],
    ) -> None:
        self._bus, self._hears, self._cluster, self._clock_ms = bus, hears, cluster, clock_ms
        self._streams: dict[str, Survey] = {}
        self._asked = False

    async def run(self, seconds: float) -> None:
        """Ask for ever."""
        while True:
            await self.ask()
            await asyncio.sleep(seconds)

    def survey(self) -> Survey:
        """NATS as it is now, streams and consumers as last asked."""
        hears = self._hears()
        note = (
            "the connection stands, and brings nothing" if self._bus.connected else "there is no connection"
        )
        up = Sample("atoll_nats_connected", NATS, float(hears), note=note)
        samples = tuple(s for survey in self._streams.values() for s in survey.samples)
        present = frozenset[Subject]().union(*(survey.present for survey in self._streams.values()))
        # While NATS is away the last figures are old, and say nothing.
        return Survey((up, *(samples if hears else ())), present | {NATS}, self._asked)

    async def ask(self) -> None:
        """One round over all regions."""
        regions = dict(self._cluster().regions)
        for gone in self._streams.keys() - regions.keys():
            del self._streams[gone]
        for name, region in regions.items():
            if self._hears():
                self._streams[name] = await self._region(region)
        self._asked = self._asked or bool(self._streams)

    async def _region(self, region: Region) -> Survey:
        stream = stream_of(region.name)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                js = self._bus.jetstream(region.jetstream_domain)
                info = await js.stream_info(stream)
                consumers = await _consumers(js, stream)
                samples = [*_stream_samples(info, region.name)]
                for consumer in consumers:
                    samples += await self._consumer_samples(js, consumer, region.name)
        except (*FOREIGN_ERRORS, BusUnavailable) as error:
            subject = Subject("engine", stream)
            known = self._streams.get(region.name, Survey((), frozenset()))
            why = "there is no such stream" if _is_absent(error) else repr(error)[:120]
            return Survey(
                (Sample("atoll_stream_up", subject, 0.0, region.name, note=why),), known.present | {subject}
            )
        return Survey(tuple(samples), frozenset(sample.subject for sample in samples))

    async def _consumer_samples(self, js: JetStreamContext, info: ConsumerInfo, region: str) -> list[Sample]:
        subject = Subject("engine", f"{info.stream_name}/{info.name}")
        waiting = (info.num_pending or 0) + (info.num_ack_pending or 0)
        lag = await self._lag(js, info) if waiting else 0.0
        return [
            Sample("atoll_consumer_pending", subject, float(waiting), region),
            Sample("atoll_consumer_lag_seconds", subject, lag, region),
        ]

    async def _lag(self, js: JetStreamContext, info: ConsumerInfo) -> float:
        """The age of the oldest message that the consumer has not done, in seconds."""
        after = ((info.ack_floor.stream_seq if info.ack_floor else 0) or 0) + 1
        filters = info.config.filter_subjects or [info.config.filter_subject or ">"]
        ages = [await self._age(js, info.stream_name, after, subject) for subject in filters]
        return max(ages)

    async def _age(self, js: JetStreamContext, stream: str, after: int, subject: str) -> float:
        try:
            message = await js.get_msg(stream, after, subject=subject, next=True)
        except nats.js.errors.NotFoundError:
            return 0.0  # no such message any more
        at = message.time or datetime.now(UTC)
        return max(0.0, self._clock_ms() / 1000 - at.timestamp())


async def _consumers(js: JetStreamContext, stream: str) -> list[ConsumerInfo]:
    found: list[ConsumerInfo] = []
    while len(found) < MAX_CONSUMERS:
        page = await js.consumers_info(stream, offset=len(found))
        found += [info for info in page if info.config.durable_name]
        if len(page) < 256:  # what a server gives at once
            break
    return found


def _stream_samples(info: StreamInfo, region: str) -> Iterator[Sample]:
    subject = Subject("engine", info.config.name or "")
    yield Sample("atoll_stream_up", subject, 1.0, region)
    yield Sample("atoll_stream_messages", subject, float(info.state.messages), region)
    if info.config.max_bytes and info.config.max_bytes > 0:
        ratio = round(info.state.bytes / info.config.max_bytes, 4)
        yield Sample("atoll_stream_used_ratio", subject, ratio, region)


def _is_absent(error: BaseException) -> bool:
    return isinstance(error, nats.js.errors.NotFoundError)
