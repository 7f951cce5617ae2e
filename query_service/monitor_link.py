"""What this service asks of the monitors, for browsers, which never speak to one. I/O.

Owns which of them is asked: the one that answered last; when it fails, or has not answered after a quarter of
the time, all others beside it. Together they have one deadline, however many hang. Who looks while what was
said last is not old waits no longer than a moment: then he sees that, and the question goes on behind it. Who
is the first for a while waits for an answer, for nothing shows how old one is. After all have failed they are
left alone for a while. Refuses nothing to anybody: who may see or order what is the routes' business
(overview_api.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from atoll.cancelling import cancel_and_wait
from atoll.errors import AtollError, BadRequest, Conflict, NotFound, Unavailable
from atoll.monitor_api import (
    ACKNOWLEDGE,
    AUDIENCE,
    OVERVIEW,
    Acknowledged,
    MonitorOverview,
    RelayedAcknowledgement,
)
from atoll.node_client import NodeClient

log = logging.getLogger(__name__)
T = TypeVar("T")

REST_SECONDS = 5.0
MOMENT_SECONDS = 0.25  # that a page waits for news where there is something to show
OLD_SECONDS = 10.0  # after which what was said is shown to nobody who can wait for news
HEAD_START = 0.25  # of the deadline: so long the monitor that answered last is asked alone
_FINAL = (BadRequest, Conflict, NotFound)  # what a monitor that answers says of an order


class MonitorUnavailable(Unavailable):
    """No monitor can be asked now: alerts, forecasts and canaries are not known here."""

    slug = "monitor-unavailable"
    title = "The monitor is not available now"


class _Monitor(NamedTuple):
    """Somebody that opens tokens for monitors, and where."""

    url: str
    name: str = AUDIENCE


class _Question(NamedTuple, Generic[T]):
    """What is asked, and which errors are an answer."""

    method: str
    path: str
    kind: type[T]
    body: Any = None
    final: tuple[type[AtollError], ...] = ()


_LOOK = _Question("GET", OVERVIEW, MonitorOverview)


class MonitorLink:
    """Asks those at `urls`, for `seconds` at most. `clock`: monotonic seconds. `close` it."""

    def __init__(
        self, urls: Sequence[str], nodes: NodeClient, seconds: float, clock: Callable[[], float]
    ) -> None:
        self._monitors = [_Monitor(url.rstrip("/")) for url in urls]
        self._nodes, self._seconds, self._clock = nodes, seconds, clock
        self._rests_until = float("-inf")
        self._looking: asyncio.Task[None] | None = None  # the last question
        self._last: MonitorOverview | None = None  # None: they were silent
        self._looked_at = float("-inf")  # when it was said, or they were asked in vain

    async def close(self) -> None:
        """Nobody looks any more."""
        await cancel_and_wait([self._looking] if self._looking else [])

    async def overview(self) -> MonitorOverview:
        """All that a monitor knows; `MonitorUnavailable` with the reason."""
        self._check_told()
        if (self._looking is None or self._looking.done()) and self._clock() >= self._rests_until:
            self._looking = asyncio.create_task(self._look(), name="monitor overview")
        if self._looking is not None:
            old = self._clock() - self._looked_at >= OLD_SECONDS
            done, _ = await asyncio.wait([self._looking], timeout=None if old else MOMENT_SECONDS)
            for look in done:
                look.result()
        if self._last is None:
            raise _silent()
        return self._last

    async def acknowledge(self, order: RelayedAcknowledgement) -> Acknowledged:
        """Say that somebody sees to an alert. `NotFound` when it does not stand; `MonitorUnavailable`."""
        self._check_told()
        return await self._ask(_Question("POST", ACKNOWLEDGE, Acknowledged, order, _FINAL))

    def _check_told(self) -> None:
        if not self._monitors:
            raise MonitorUnavailable("This query service is told of no monitor (the setting monitor_urls).")

    async def _look(self) -> None:
        try:
            self._last = await self._ask(_LOOK)
        except AtollError:
            self._last = None
            self._rests_until = self._clock() + REST_SECONDS
        self._looked_at = self._clock()

    async def _ask(self, question: _Question[T]) -> T:
        """The first answer there is. To order the same of two monitors is to order it once."""
        first, *others = self._monitors
        alone = self._seconds * HEAD_START
        asked = [self._begin(first, question, self._seconds)]
        try:
            await asyncio.wait(asked, timeout=alone)
            if others and not _has_answered(asked[0]):
                asked += [self._begin(other, question, self._seconds - alone) for other in others]
            for answer in asyncio.as_completed(asked):
                if (found := await answer) is not None:
                    return self._prefer(*found)
        finally:
            await cancel_and_wait(asked)
            await asyncio.gather(*asked, return_exceptions=True)  # what a second one refuses is no news
        raise _silent()

    def _begin(
        self, monitor: _Monitor, question: _Question[T], seconds: float
    ) -> asyncio.Task[tuple[_Monitor, T] | None]:
        asking = self._ask_one(monitor, question, seconds)
        return asyncio.create_task(asking, name=f"ask monitor {monitor.url}")

    async def _ask_one(
        self, monitor: _Monitor, question: _Question[T], seconds: float
    ) -> tuple[_Monitor, T] | None:
        """None: it has no answer. Raises what counts as one."""
        method, path, kind, body, final = question
        try:
            return monitor, await self._nodes.call(monitor, method, path, kind, body=body, seconds=seconds)
        except final:
            raise
        except AtollError as error:  # another one may be able to
            log.warning("monitor not heard", extra={"url": monitor.url, "reason": error.detail})
            return None

    def _prefer(self, monitor: _Monitor, answer: T) -> T:
        self._monitors.remove(monitor)
        self._monitors.insert(0, monitor)
        return answer


def _has_answered(asked: asyncio.Task[tuple[_Monitor, T] | None]) -> bool:
    """Refusals are answers, too."""
    return asked.done() and (asked.exception() is not None or asked.result() is not None)


def _silent() -> MonitorUnavailable:
    """Not why: that is in the log, with the addresses."""
    return MonitorUnavailable("No monitor gives this query service an answer.", retry_after=REST_SECONDS)
