"""One answer from several peers: the next one after a failure, a second one after a silence.

The best peer is asked first. When it has not begun to answer after its own recent 95th percentile, the next
one is asked as well – if the budget allows it – and whoever begins first goes on; the other is cancelled.
A failure at any time lets the next peer try. Called by storage nodes (reads and pulls from peers) and by
the client (downloads).

An attempt runs in a task of its own and calls `await turn.take()` when its peer has begun to answer, before
it does anything that two attempts could not do at the same time (write to a sink, for example).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from atoll.cancelling import cancel_and_wait
from atoll.errors import AtollError
from atoll.peer_pace import HedgeBudget, PeerPace

S = TypeVar("S")
R = TypeVar("R")


class Failure(NamedTuple, Generic[S]):
    """A peer that did not give it, and why."""

    source: S
    error: AtollError


class AllFailed(Exception, Generic[S]):
    """No peer gave it. Never leaves the module that asked: what it means depends on what was asked for."""

    def __init__(self, failures: Sequence[Failure[S]]) -> None:
        super().__init__(f"{len(failures)} peers failed")
        self.failures = failures


class Turn:
    """An attempt's right to go on. Given to the first that asks for it; the others are cancelled."""

    def __init__(self, won: Callable[[], None]) -> None:
        self._won = won

    async def take(self) -> None:
        """The peer has begun to answer. Returns to one attempt at a time; the others end here."""
        self._won()
        await asyncio.sleep(0)  # where a cancellation arrives


class Hedger:
    """One per daemon or client: what it learns of a peer helps all its requests. Loop-thread only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.pace, self.budget, self.clock = PeerPace(), HedgeBudget(), clock
        self.wins = 0  # second requests that answered first

    def order(self, sources: Sequence[S], name: Callable[[S], str]) -> list[S]:
        """The same sources; those that lately gave no answer last."""
        now = self.clock()
        return sorted(sources, key=lambda source: self.pace.is_shunned(name(source), now))

    async def first(
        self,
        sources: Sequence[S],
        name: Callable[[S], str],
        attempt: Callable[[S, Turn], Coroutine[Any, Any, R]],
        fatal: tuple[type[AtollError], ...] = (),
    ) -> R:
        """What the first source that succeeds gives.

        `AllFailed` when none does. An error that is not an `AtollError`, or is `fatal`, ends it at once:
        no other source can help.
        """
        return await _Race(self, self.order(sources, name), name, attempt, fatal).run()


class _Race(Generic[S, R]):
    """One call of `Hedger.first`."""

    def __init__(
        self,
        hedger: Hedger,
        sources: Sequence[S],
        name: Callable[[S], str],
        attempt: Callable[[S, Turn], Coroutine[Any, Any, R]],
        fatal: tuple[type[AtollError], ...],
    ) -> None:
        self._hedger, self._name, self._attempt, self._fatal = hedger, name, attempt, fatal
        self._waiting = deque(sources)
        self._running: dict[asyncio.Task[R], tuple[S, float]] = {}  # since when
        self._leader: asyncio.Task[R] | None = None
        self._hedge: asyncio.Task[R] | None = None
        self._may_hedge = True
        self._failures: list[Failure[S]] = []

    async def run(self) -> R:
        try:
            while self._running or self._waiting:
                if not self._running:
                    self._hedger.budget.asked()
                    self._may_hedge, self._hedge = True, None
                    self._start()
                await self._step()
                for task in [task for task in self._running if task.done()]:
                    if self._ended(task):
                        return task.result()
        finally:
            await cancel_and_wait(self._running)
        raise AllFailed(self._failures)

    async def _step(self) -> None:
        """Wait for an end, or for the moment of a second request."""
        done, _ = await asyncio.wait(
            self._running, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED
        )
        if not done and self._patience() == 0.0:
            self._may_hedge = False
            if self._hedger.budget.take():
                self._hedge = self._start()

    def _patience(self) -> float | None:
        """Seconds until a second source may be asked; None when none may."""
        if self._leader or not self._may_hedge or not self._waiting or len(self._running) != 1:
            return None
        ((source, since),) = self._running.values()
        return max(0.0, since + self._hedger.pace.patience(self._name(source)) - self._hedger.clock())

    def _start(self) -> asyncio.Task[R]:
        source = self._waiting.popleft()
        turn = Turn(lambda: self._take(task))
        task = asyncio.create_task(self._attempt(source, turn), name=f"ask {self._name(source)}")
        self._running[task] = (source, self._hedger.clock())
        return task

    def _take(self, task: asyncio.Task[R]) -> None:
        """`task` leads. Others that run have lost, and wait for their turn if this one fails after all."""
        if self._leader is not None:
            return  # a loser that was cancelled in this very moment
        self._leader = task
        now = self._hedger.clock()
        source, since = self._running[task]
        self._hedger.pace.answered(self._name(source), now - since)
        self._hedger.wins += task is self._hedge
        for other, (loser, other_since) in self._running.items():
            if other is not task and not other.done():
                if other_since < since:
                    self._hedger.pace.lost(self._name(loser), now - other_since, now)
                other.cancel()

    def _ended(self, task: asyncio.Task[R]) -> bool:
        """Take note of a task that ended; True when it succeeded."""
        source, _ = self._running.pop(task)
        if task is self._leader:
            self._leader = None
        if task.cancelled():
            self._waiting.append(source)  # it lost; should the winner fail, it may try again
            return False
        error = task.exception()
        if error is None:
            return True
        if not isinstance(error, AtollError) or isinstance(error, self._fatal):
            raise error
        self._failed(source, error)
        return False

    def _failed(self, source: S, error: AtollError) -> None:
        self._failures.append(Failure(source, error))
        if error.status >= 500:  # it did not answer; a peer that says 404 is in good health
            self._hedger.pace.failed(self._name(source), self._hedger.clock())
