"""The engines in a thread of their own, so that tests of any event loop can use and break them.

The thread owns the loop that owns the processes (they die with their thread: see `atoll.local.launcher`);
tests call plain methods, from async tests through `asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from atoll.local.engines import MONGODB, EngineUrls, GivenUrls, LocalEngines
from atoll.local.process import ProcessStatus

_START, _CALL = 60.0, 30.0  # seconds: deadlines, not expectations


class EngineThread:
    """Real engines under `directory`; names are nats, valkey and mongodb. `given` ones are not started."""

    def __init__(self, directory: Path, given: GivenUrls | None = None) -> None:
        self._directory, self._given = directory, given
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="engines")
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, LocalEngines]] = Future()

    async def _main(self) -> None:
        stop = asyncio.Event()
        try:
            async with LocalEngines(self._directory, given=self._given) as engines:
                self._started.set_result((asyncio.get_running_loop(), stop, engines))
                await stop.wait()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    def __enter__(self) -> EngineThread:
        self._thread.start()
        self._started.result(_START)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop, stop, _ = self._started.result()
        loop.call_soon_threadsafe(stop.set)
        self._thread.join(_CALL)
        assert not self._thread.is_alive(), "the engines do not end"

    @property
    def urls(self) -> EngineUrls:
        return self._started.result()[2].urls

    def status(self, name: str) -> ProcessStatus:
        return self._started.result()[2].process(name).status

    def kill(self, name: str, *, restart: bool = True) -> None:
        """SIGKILL; with `restart` the supervisor starts it again (see `wait_ready`)."""
        self._call(lambda engines: engines.process(name).kill(restart=restart))

    def stop(self, name: str) -> None:
        """An orderly stop; it stays down until `start`."""
        self._call(lambda engines: engines.process(name).stop())

    def start(self, name: str) -> None:
        """Start it again on the same port and data; returns when it is healthy."""
        self._call(lambda engines: engines.process(name).start())

    def wait_ready(self, name: str, timeout: float = _CALL) -> None:
        """Return once it is healthy."""
        self._call(lambda engines: engines.process(name).wait_ready(timeout))

    def make_all_ready(self) -> None:
        """Start what a test left stopped, and wait for what it left dying."""
        for name in ("nats", "valkey", MONGODB):
            self.start(name)
            self.wait_ready(name)

    def _call(self, what: Callable[[LocalEngines], Coroutine[Any, Any, None]]) -> None:
        loop, _, engines = self._started.result()
        asyncio.run_coroutine_threadsafe(what(engines), loop).result(_CALL + 5)
