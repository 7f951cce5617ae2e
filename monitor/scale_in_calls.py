"""One step of a node that leaves: what is asked of a query service or of the provider. I/O.

Every step may be repeated: draining what drains and removing what is removed change nothing, and a provider
that is told to end what is gone says `absent`. Nothing is removed that the query service has not just proven
to be elsewhere: it looks for itself when it is told to remove.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol

from msgspec.structs import replace

from atoll.access import Scope
from atoll.cluster_map import LiveClusterMap
from atoll.errors import AtollError, Conflict, NotFound, Unavailable
from atoll.launches import LaunchOrder
from atoll.model import Position
from monitor.clock import Clock
from monitor.own_key import OwnKey, key_name
from monitor.scale_departures import Departure, into, late, not_ended, rests
from monitor.scale_policy import ScalePolicy
from monitor.scale_providers import Provider, ProviderFailed

log = logging.getLogger(__name__)

TOLD = 3  # of the things that a drain waits for
HEARD_SECONDS = 30.0  # that a set is sealed is known to every query service by then
SCOPES: tuple[Scope, ...] = ("read", "admin")


class Drained(Protocol):
    """How far the drain of a node is."""

    @property
    def state(self) -> str: ...

    @property
    def done(self) -> bool: ...

    @property
    def waiting_for(self) -> Sequence[str]: ...


class Operations(Protocol):
    """What is asked of a query service (atoll/client/operations.py has it all)."""

    async def seal_set(self, name: str, *, sealed: bool) -> object: ...

    async def change_node(self, name: str, state: Literal["active", "draining", "removed"]) -> object: ...

    async def drain(self, name: str) -> Drained: ...


class Client(Protocol):
    """A client of the cluster."""

    @property
    def operations(self) -> Operations: ...


Asking = Callable[[], AbstractAsyncContextManager[Operations]]
Connect = Callable[[Sequence[str], str], AbstractAsyncContextManager[Client]]


def scale_key(monitor: str, state_dir: Path, cluster: LiveClusterMap, clock: Clock) -> OwnKey:
    """The key of this monitor for having nodes leave: made only when one is to leave."""
    name, path = key_name("scale", monitor), state_dir / "scale.key"
    return OwnKey(cluster, name, path, clock, SCOPES)


class QueryDoor:
    """Query services, as an administrator sees them: `async with door.opened() as operations`.

    `connect`: a client of these services, with this key.
    """

    def __init__(self, urls: Callable[[], Sequence[str]], key: OwnKey, connect: Connect) -> None:
        self._urls, self._key, self._connect = urls, key, connect

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Operations]:
        """`AtollError` when none is known, or the monitor's key is no longer good."""
        urls = self._urls()
        if not urls:
            raise Unavailable("No query service of service_urls has answered.")
        async with self._connect(urls, await self._key.ready()) as client:
            yield client.operations


class LeaveCalls:
    """`step` takes a departure one step further, or leaves it as it is with the reason."""

    def __init__(
        self,
        policy: ScalePolicy,
        provider: Provider,
        place: Callable[[str], Position],
        asking: Asking,
        now: Callable[[], int],
    ) -> None:
        self._policy, self._provider, self._place = policy, provider, place
        self._asking, self._now = asking, now

    async def step(self, one: Departure) -> Departure:
        """The departure after this step."""
        try:
            if one.state == "removed":
                return await self._end(one)
            async with self._asking() as cluster:
                return await self._ask(cluster, one)
        except AtollError as error:
            return replace(one, error=error.detail)

    async def _ask(self, cluster: Operations, one: Departure) -> Departure:
        if one.state == "recorded":
            return await self._begin(cluster, one)
        if one.state == "returning":
            return await self._return(cluster, one)
        return await self._drain(cluster, one)

    async def _begin(self, cluster: Operations, one: Departure) -> Departure:
        try:
            if one.whole:
                await cluster.seal_set(one.set, sealed=True)
            await cluster.change_node(one.name, "draining")
        except (Conflict, NotFound) as error:
            if one.whole and self._now() - one.since < HEARD_SECONDS * 1000:
                return replace(one, error=error.detail)
            return await self._refused(cluster, one, error)
        return into(one, "draining", self._now())

    async def _return(self, cluster: Operations, one: Departure) -> Departure:
        try:
            await cluster.change_node(one.name, "active")
        except (Conflict, NotFound) as error:
            return await self._refused(cluster, one, error)
        return into(one, "taken_back", self._now(), one.error)

    async def _refused(self, cluster: Operations, one: Departure, error: AtollError) -> Departure:
        """Told; but of a node that somebody else has removed meanwhile the machine is left to be ended."""
        if isinstance(error, Conflict) and (await cluster.drain(one.name)).state == "removed":
            return into(one, "removed", self._now())
        return into(one, "refused", self._now(), error.detail)

    async def _drain(self, cluster: Operations, one: Departure) -> Departure:
        found = await cluster.drain(one.name)
        if found.state == "active":
            return into(one, "taken_back", self._now())  # by `atoll node undrain`
        if found.state != "removed":
            if not found.done:
                return self._waiting(replace(one, waits="; ".join(found.waiting_for[:TOLD]), error=""))
            try:
                await cluster.change_node(one.name, "removed")
            except Conflict as error:  # something came in between
                return self._waiting(replace(one, waits=error.detail, error=""))
        log.info("growth: %s is drained and removed", one.name)
        return into(one, "removed", self._now())

    def _waiting(self, one: Departure) -> Departure:
        """Too late it is taken back, but for one of a whole set: others of it may be gone already."""
        now = self._now()
        if not late(one, now, self._policy):
            return one
        told = f"it was not drained within {self._policy.drain_seconds:g} s: {one.waits}"
        return replace(one, error=told) if one.whole else into(one, "returning", now, told)

    async def _end(self, one: Departure) -> Departure:
        if not one.launched:
            return into(one, "ended", self._now())
        if rests(one.due_at, self._now()):
            return one
        place = self._place(one.region)
        order = LaunchOrder("end", one.name, one.region, one.set, one.tries + 1, place.lat, place.lon)
        try:
            answer = await self._provider.ask(order)
        except ProviderFailed as error:
            return not_ended(one, str(error), self._now(), self._policy)
        if answer.state != "absent":
            told = f"its machine was not ended: {answer.detail or answer.state}"
            return not_ended(one, told, self._now(), self._policy)
        return into(one, "ended", self._now())
