"""Home's view of its workers: started, watched, started again when they die, told the news, and ended in
order.

A worker gets its settings and the cluster map by its standard input, and three descriptors: its end of
the link, its end of the pair by which it hands connections over, and the board. What it does not answer
in time it does not live to answer: `forget` is what a delete waits for, and a process that is gone
remembers nothing.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from atoll.backoff import Backoff
from atoll.cluster import ClusterMap
from atoll.errors import AtollError, Unavailable
from atoll.http_protocol import Server
from storage_node.settings import NodeSettings
from storage_node.workers import wire
from storage_node.workers.board import Board
from storage_node.workers.employee import Employee
from storage_node.workers.link import Call

log = logging.getLogger(__name__)

_START_SECONDS = 30.0
_METRICS_SECONDS = 1.0
_END_SECONDS = 5.0  # beyond the drain


class Crew:
    """All workers of a node; `board` is `file`'s, row 0."""

    def __init__(self, shares: Sequence[NodeSettings], board: Board, file: int) -> None:
        """`shares`: each process's settings (shares.py), home's first."""
        self._shares, self._board, self._file, self._cluster = shares, board, file, ClusterMap()
        self._settings = shares[0]
        self._live: dict[int, Employee] = {}
        self._stopping = False
        self._restarts = 0

    @property
    def numbers(self) -> range:
        """What the workers are called: home is 0."""
        return range(1, self._board.processes)

    @property
    def restarts(self) -> int:
        """How often a worker was started again."""
        return self._restarts

    async def start(self, number: int, calls: Mapping[str, Call], server: Server) -> None:
        """Start one, and return when it serves. `Unavailable` when it does not."""
        one = await self._hire(number, calls, server)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await one.serves()
        except (TimeoutError, Unavailable) as error:
            one.kill()
            raise Unavailable(f"Worker {number} does not serve.") from error

    async def _hire(self, number: int, calls: Mapping[str, Call], server: Server) -> Employee:
        told, command = self._cluster, self._arguments(number)
        try:
            one = await Employee.hire(number, command, self._letter(number), calls, server, self._file)
        except OSError as error:  # no memory, no process or no descriptor to be had just now
            raise Unavailable(f"Worker {number} cannot be started: {error}") from error
        self._live[number] = one
        if self._cluster is not told:  # it changed meanwhile, and this one was not there to be told
            one.tell(wire.MAP, wire.map_news(self._cluster))
        return one

    async def keep(self, number: int, calls: Mapping[str, Call], server: Server) -> None:
        """Wait for its end, and start it again, until the node stops."""
        backoff = Backoff(0.1, 5.0)
        while True:
            if (one := self._live.get(number)) is not None:
                code = await one.ended()
                self._clear(number, one)
                if self._stopping:
                    return
                log.error("worker %d ended with %s and is started again", number, code)
            self._restarts += 1
            await asyncio.sleep(backoff.next())
            try:
                await self.start(number, calls, server)
                backoff.reset()
            except Unavailable as error:
                log.error("worker %d is not started: %s", number, error.detail)

    def cluster_changed(self, cluster: ClusterMap) -> None:
        """A listener for the cluster map. In the order of the link: a worker that starts hears it as well."""
        self._cluster = cluster
        news = wire.map_news(cluster)
        for one in self._live.values():
            one.tell(wire.MAP, news)

    async def forget(self, blobs: Sequence[tuple[str, str]]) -> None:
        """See `Memories`."""
        body = wire.encode(list(blobs))
        awake = [one for one in self._live.values() if one.awake]
        await asyncio.gather(*(self._make_forget(one, body) for one in awake))

    async def _make_forget(self, one: Employee, body: bytes) -> None:
        try:
            async with asyncio.timeout(self._settings.forget_seconds):
                await one.ask(wire.FORGET, body)
        except (TimeoutError, AtollError):
            log.error("worker %d does not forget and is ended", one.number)
            one.kill()
            await one.ended()

    async def families(self) -> dict[int, list[wire.Family]]:
        """The metrics of the workers that answer."""
        found: dict[int, list[wire.Family]] = {}

        async def ask(one: Employee) -> None:
            with suppress(TimeoutError, AtollError):
                async with asyncio.timeout(_METRICS_SECONDS):
                    answer = await one.ask(wire.METRICS, b"")
                    found[one.number] = wire.decode(answer, list[wire.Family])

        await asyncio.gather(*(ask(one) for one in tuple(self._live.values()) if one.is_serving))
        return found

    def stop(self) -> None:
        """Ask all to end: no new requests, those under way are finished."""
        self._stopping = True
        for one in self._live.values():
            one.tell(wire.STOP, b"")

    async def close(self) -> None:
        """Wait for their ends, and hasten those that take too long."""
        self.stop()
        for one in tuple(self._live.values()):
            try:
                async with asyncio.timeout(self._settings.drain_seconds + _END_SECONDS):
                    await one.ended()
            except TimeoutError:
                log.error("worker %d does not end and is killed", one.number)
                one.kill()
                await one.ended()

    def _clear(self, number: int, one: Employee) -> None:
        """What it promised, and what it had half written."""
        del self._live[number]
        one.close()
        self._board.forget(number)
        for part in Path(self._settings.data_dir, "incoming").glob(f"{one.pid}-*.part"):
            part.unlink(missing_ok=True)

    def _arguments(self, number: int) -> tuple[str, ...]:
        return (sys.executable, "-P", "-m", "storage_node.workers", str(number), str(self._board.processes))

    def _letter(self, number: int) -> bytes:
        return pickle.dumps((self._shares[number], wire.map_news(self._cluster)))
