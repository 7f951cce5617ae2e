"""A supervised process: started until healthy, started again when it dies, stopped for good when told.

Owns one child at a time and everything in its process group. Refuses to guess: it is ready when its health
check says so, and a failed start quotes its log. Used by `engines`, and by whoever runs daemons on one
machine. Not for production, where the init system does this.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
from asyncio.subprocess import Process
from dataclasses import dataclass

from atoll.backoff import Backoff
from atoll.local.engine_errors import EngineError, NotReadyError
from atoll.local.full_disk import lack_of_space
from atoll.local.guard import Guard
from atoll.local.process_log import last_lines
from atoll.local.process_spec import ProcessSpec
from atoll.local.spawn import spawn
from atoll.local.tasks import end_task

log = logging.getLogger(__name__)

_POLL = 0.02  # seconds between health checks of a starting process
_ONE_CHECK = 3.0  # seconds one health check may take
_STABLE_AFTER = 10.0  # seconds of life after which a death counts as the first again


@dataclass(frozen=True)
class ProcessStatus:
    """A look at a supervised process. `last_exit` is its latest exit code, negative for a signal."""

    name: str
    pid: int | None
    ready: bool
    restarts: int
    last_exit: int | None


class ManagedProcess:
    """One process and its life. All methods belong to the event loop that started it."""

    def __init__(self, spec: ProcessSpec, guard: Guard, rng: random.Random | None = None) -> None:
        self.spec = spec
        self._guard = guard
        self._backoff = Backoff(0.1, spec.restart_within, rng)
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._order = asyncio.Lock()  # one start or stop at a time
        self._restarts = 0
        self._last_exit: int | None = None
        self._born = 0.0

    @property
    def status(self) -> ProcessStatus:
        """What it is doing now."""
        pid = self._process.pid if self._process else None
        return ProcessStatus(self.spec.name, pid, self._ready.is_set(), self._restarts, self._last_exit)

    async def start(self) -> None:
        """Start it and return once it is healthy; does nothing when it is started already.

        Raises EngineError, with the end of its log, when it dies or is not healthy in time.
        """
        async with self._order:
            if self._keeper and not self._keeper.done():
                return
            await self._launch()
            self._keeper = asyncio.create_task(self._keep(), name=f"keep:{self.spec.name}")

    async def stop(self) -> None:
        """Stop signal, grace, SIGKILL to its whole group; it stays down until `start`."""
        async with self._order:
            await self._let_go()
            await self._end(self.spec.stop_signal)

    async def kill(self, *, restart: bool = True) -> None:
        """SIGKILL, as a crash would be; it comes back by itself unless `restart` is False."""
        self._ready.clear()  # before the kill, so that `wait_ready` right after means the next life
        if not restart:
            async with self._order:
                await self._let_go()
                await self._end(signal.SIGKILL)
        elif self._process:
            process = self._process
            _kill_group(process)
            await process.wait()

    async def wait_ready(self, timeout: float) -> None:
        """Return once it is healthy; raises EngineError after `timeout` seconds."""
        try:
            await asyncio.wait_for(self._ready.wait(), timeout)
        except TimeoutError:
            raise self._failure(f"is not back within {timeout:g} s") from None

    async def _launch(self) -> None:
        self._process = await spawn(self.spec, self._guard)
        self._born = asyncio.get_running_loop().time()
        try:
            await self._become_ready(self._process)
        except BaseException:  # cancelled too: nothing half started may stay
            await self._end(signal.SIGKILL)
            raise
        self._ready.set()

    async def _become_ready(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.spec.ready_within
        while not (why := await self._check(min(_ONE_CHECK, deadline - loop.time()))).healthy:
            if process.returncode is not None:
                raise self._failure(f"ended at its start (exit {process.returncode})")
            if loop.time() >= deadline:
                raise self._failure(f"is not healthy after {self.spec.ready_within:g} s: {why.reason}")
            await asyncio.sleep(_POLL)
        if process.returncode is not None:  # something else answered in its place
            raise self._failure(f"ended at its start (exit {process.returncode})")

    async def _check(self, timeout: float) -> _Answer:
        try:
            async with asyncio.timeout(timeout):
                await self.spec.health()
        except TimeoutError:
            return _Answer(healthy=False, reason="it does not answer in time")
        except NotReadyError as error:
            return _Answer(healthy=False, reason=error.detail)
        return _Answer(healthy=True)

    async def _keep(self) -> None:
        while (process := self._process) is not None:
            code = await process.wait()
            self._fell(process, code)
            if not self.spec.restart:
                return
            await self._revive()

    def _fell(self, process: Process, code: int) -> None:
        log.warning("%s died (exit %s)", self.spec.name, code)
        _kill_group(process)  # its children must not keep its port or its files
        self._forget(process, code)
        if asyncio.get_running_loop().time() - self._born >= _STABLE_AFTER:
            self._backoff.reset()

    async def _revive(self) -> None:
        """Try for as long as it takes: an engine that is away is a state the daemons live with."""
        while True:
            await asyncio.sleep(self._backoff.next())
            self._restarts += 1
            try:
                await self._launch()
            except EngineError as error:
                log.warning("%s", error.detail)
            except OSError as error:  # its log cannot be opened: a full disk may have room again
                log.warning("%s cannot be started now: %s", self.spec.name, error)
            else:
                log.info("%s is back (restart %d)", self.spec.name, self._restarts)
                return

    async def _let_go(self) -> None:
        """No more restarts."""
        if self._keeper:
            await end_task(self._keeper)
            self._keeper = None

    async def _end(self, number: signal.Signals) -> None:
        """The leader gets the signal and may end its own children; then what is left of the group dies."""
        process = self._process
        if process is None:
            return
        self._ready.clear()
        with contextlib.suppress(TimeoutError):
            _signal(process, number)
            await asyncio.wait_for(process.wait(), self.spec.grace)
        _kill_group(process)
        self._forget(process, await process.wait())

    def _forget(self, process: Process, code: int) -> None:
        self._ready.clear()
        self._last_exit = code
        self._process = None
        self._guard.remove(process.pid)

    def _failure(self, what: str) -> EngineError:
        said = [f"{self.spec.name} {what}; see {self.spec.log}", last_lines(self.spec.log)]
        return EngineError("\n".join(filter(None, (*said, lack_of_space(self.spec.log.parent)))))


@dataclass(frozen=True)
class _Answer:
    healthy: bool
    reason: str = ""


def _signal(process: Process, number: signal.Signals) -> None:
    # Not Process.send_signal: it may reap the child behind the event loop's back and lose its exit code.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _kill_group(process: Process) -> None:
    # A group keeps its id from being used again while it has members; with none, there is nothing to hit.
    # PermissionError is what macOS says of a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
