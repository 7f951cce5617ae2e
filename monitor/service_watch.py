"""Asks query services and replicators at their /health: who answers, what engines they see. I/O.

Heartbeats tell of nodes only; whoever else serves is named in the setting `service_urls`. An answer is a
stranger's: bounded, typed, and never more than a figure and a short note.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import aiohttp
import msgspec
from msgspec import Struct
from yarl import URL

from monitor.sample import Sample, Subject, Survey

ANSWER_SECONDS = 3.0
MAX_ANSWER_BYTES = 2**20


class PeerAnswer(Struct, frozen=True):
    """How a node stands to one peer, as its replicator says."""

    node: str
    complete_at: int | None = None
    trouble: str | None = None


class ServiceAnswer(Struct, frozen=True):
    """What /health of a query service or a replicator says; each leaves the other's members out."""

    name: str = ""
    region: str = ""
    node: str = ""
    engines: dict[str, bool] = {}
    repair: tuple[PeerAnswer, ...] = ()
    parked: int = 0
    paused_reason: str | None = None


class ServiceWatch:
    """`run` asks every `seconds`; `survey` is the last answer of each."""

    def __init__(self, urls: Sequence[str], clock_ms: Callable[[], int]) -> None:
        self._urls = [URL(url.rstrip("/") + "/health") for url in urls]
        self._clock_ms = clock_ms
        self._answers: dict[URL, ServiceAnswer | str] = {}
        self._names: dict[URL, str] = {}

    async def run(self, seconds: float) -> None:
        """Ask for ever."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as session:
            while True:
                await asyncio.gather(*(self._ask(session, url) for url in self._urls))
                await asyncio.sleep(seconds)

    async def _ask(self, session: aiohttp.ClientSession, url: URL) -> None:
        try:
            async with session.get(url, allow_redirects=False) as response:
                body = await response.content.read(MAX_ANSWER_BYTES)
            if response.status != 200:
                raise ValueError(f"it answers {response.status}")
            answer: ServiceAnswer | str = msgspec.json.decode(body, type=ServiceAnswer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:  # msgspec's are ValueErrors
            late = isinstance(error, TimeoutError)
            answer = (
                f"no answer within {ANSWER_SECONDS:g} s" if late else str(error)[:120] or type(error).__name__
            )
        self._answers[url] = answer
        if isinstance(answer, ServiceAnswer):
            self._names[url] = answer.name

    def query_urls(self) -> list[str]:
        """The query services among them that answer now: only they tell of engines."""
        answered = ((url, a) for url, a in self._answers.items() if isinstance(a, ServiceAnswer))
        return [str(url.origin()) for url, answer in answered if answer.engines and not answer.node]

    def survey(self) -> Survey:
        """What is known now; nothing of those not asked yet."""
        samples = [s for url, answer in self._answers.items() for s in self._samples(url, answer)]
        samples += self._engines()
        named = {Subject("service", url.authority) for url in self._urls}
        present = frozenset(named | {sample.subject for sample in samples})
        return Survey(tuple(samples), present, whole=len(self._answers) == len(self._urls))

    def _samples(self, url: URL, answer: ServiceAnswer | str) -> Iterator[Sample]:
        subject, name = Subject("service", url.authority), self._names.get(url, "")
        if isinstance(answer, str):
            yield Sample("atoll_service_up", subject, 0.0, note=f"{name}: {answer}" if name else answer)
            return
        yield Sample("atoll_service_up", subject, 1.0, answer.region, note=name)
        if answer.node:
            yield Sample("atoll_service_parked_messages", subject, float(answer.parked), note=name)
            yield from self._repair(answer)

    def _repair(self, answer: ServiceAnswer) -> Iterator[Sample]:
        """The peer that lags most; one never compared with is unknown, not late."""
        known = [(peer.complete_at, peer) for peer in answer.repair if peer.complete_at is not None]
        if known:
            complete_at, peer = min(known, key=lambda pair: pair[0])
            lag = max(0.0, (self._clock_ms() - complete_at) / 1000)
            note = f"peer {peer.node}" + (f": {peer.trouble[:100]}" if peer.trouble else "")
            yield Sample("atoll_node_repair_lag_seconds", Subject("node", answer.node), lag, note=note)

    def _engines(self) -> Iterator[Sample]:
        """How many of the services that answer see each engine; NATS is asked by the monitor itself."""
        told = [a for a in self._answers.values() if isinstance(a, ServiceAnswer) and a.engines]
        for engine in sorted({name for answer in told for name in answer.engines} - {"nats"}):
            seen = [answer.engines[engine] for answer in told if engine in answer.engines]
            blind = [answer.name for answer in told if not answer.engines.get(engine, True)]
            note = f"not seen by {', '.join(blind[:5])}" if blind else ""
            yield Sample(
                "atoll_engine_up_ratio", Subject("engine", engine[:40]), sum(seen) / len(seen), note=note
            )
