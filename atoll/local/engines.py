"""The three engines of a local cluster: started together, healthy before use, stopped in reverse.

An engine whose URL is given is the operator's: it is not started, checked or stopped here. Used by
`atoll up`, and by tests:

    async with LocalEngines(directory) as engines:
        engines.urls.nats
        await engines.nats.kill()
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from atoll.local.engine_errors import EngineError
from atoll.local.engine_home import EngineHome, make_home
from atoll.local.guard import Guard
from atoll.local.mongo_engine import mongo_engine
from atoll.local.nats_engine import nats_engine
from atoll.local.port_claims import PortClaims
from atoll.local.ports import choose_ports
from atoll.local.process import ManagedProcess, ProcessStatus
from atoll.local.process_spec import EngineSpec
from atoll.local.valkey_engine import valkey_engine

NATS, VALKEY, MONGODB = "nats", "valkey", "mongodb"

# In the order of the design's parts: the courier, the cache, the catalog.
_MAKERS: Mapping[str, Callable[[EngineHome], EngineSpec]] = {
    NATS: nats_engine,
    VALKEY: valkey_engine,
    MONGODB: mongo_engine,
}


@dataclass(frozen=True)
class EngineUrls:
    """Where the engines are, credentials included: not for logs."""

    nats: str = field(repr=False)
    redis: str = field(repr=False)
    mongodb: str = field(repr=False)


@dataclass(frozen=True)
class GivenUrls:
    """The engines that are the operator's own; None means one of ours."""

    nats: str | None = field(default=None, repr=False)
    redis: str | None = field(default=None, repr=False)
    mongodb: str | None = field(default=None, repr=False)


class LocalEngines:
    """The engines under `directory`, as an async context. Needs a thread that lives as long (see `launcher`).

    `wanted_ports` (by engine name: nats, valkey, mongodb) are used when they are free; `environ` is where a
    few harmless variables are passed on from. Without a `guard` it takes the directory for itself.
    """

    def __init__(
        self,
        directory: Path,
        *,
        given: GivenUrls | None = None,
        wanted_ports: Mapping[str, int] | None = None,
        environ: Mapping[str, str] | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._directory = directory
        given = given or GivenUrls()
        self._given = {NATS: given.nats, VALKEY: given.redis, MONGODB: given.mongodb}
        self._wanted_ports = wanted_ports or {}
        self._environ = environ or {}
        self._guard = guard
        self._processes: dict[str, ManagedProcess] = {}
        self._urls: dict[str, str] = {}
        self._stack = AsyncExitStack()

    @property
    def urls(self) -> EngineUrls:
        """The URLs of all three, ours and given."""
        return EngineUrls(self._urls[NATS], self._urls[VALKEY], self._urls[MONGODB])

    @property
    def nats(self) -> ManagedProcess:
        """The NATS server; EngineError when it is not ours."""
        return self.process(NATS)

    @property
    def redis(self) -> ManagedProcess:
        """The Valkey server; EngineError when it is not ours."""
        return self.process(VALKEY)

    @property
    def mongodb(self) -> ManagedProcess:
        """The MongoDB stand-in; EngineError when it is not ours."""
        return self.process(MONGODB)

    def process(self, name: str) -> ManagedProcess:
        """An engine's process by name; EngineError when it is not ours."""
        if name not in self._processes:
            raise EngineError(f"{name} is not an engine of ours: its URL was given, or it was not started")
        return self._processes[name]

    def statuses(self) -> list[ProcessStatus]:
        """A look at each engine that is ours."""
        return [process.status for process in self._processes.values()]

    async def __aenter__(self) -> LocalEngines:
        async with AsyncExitStack() as stack:  # unwinds what was started if a later one fails
            guard = self._guard
            if guard is None:
                guard = await stack.enter_async_context(Guard(self._directory))
            for spec in self._specs(stack.enter_context(PortClaims())):
                process = ManagedProcess(spec, guard)
                stack.push_async_callback(process.stop)
                self._processes[spec.name] = process
                self._urls[spec.name] = spec.url
            self._urls |= {name: url for name, url in self._given.items() if url}
            await _start_all(list(self._processes.values()), guard)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _specs(self, claims: PortClaims) -> list[EngineSpec]:
        ours = [name for name in _MAKERS if not self._given[name]]
        wanted = {name: self._wanted_ports.get(name) for name in ours}
        ports = choose_ports(self._directory / "ports.json", wanted, claims, rng=random.Random())
        homes = [make_home(self._directory, name, ports[name], self._environ) for name in ours]
        return [_MAKERS[home.name](home) for home in homes]


async def _start_all(processes: list[ManagedProcess], guard: Guard) -> None:
    """All at once; the first failure is raised when all have come to an end."""
    starts = (_start(process, guard) for process in processes)
    for outcome in await asyncio.gather(*starts, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _start(process: ManagedProcess, guard: Guard) -> None:
    if isinstance(process.spec, EngineSpec) and process.spec.prepare:
        await process.spec.prepare(guard)
    await process.start()
