"""A TCP relay that stands for a link with a round-trip time, and counts what crosses it.

Beside the time that bytes are under way (half a round trip each way), what a new connection costs: its
handshake, and TCP's slow start, by which a sender may have ten segments under way (RFC 6928) and one more for
each that was acknowledged, from anew after a pause (RFC 5681). Bandwidth is not limited and nothing is lost.

A round trip in the count is a new connection, or a burst of bytes that the client sends after it has been
answered (or first of all): one whose answer it has to wait for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from atoll.local.ports import LOOPBACK

_Seen = Callable[[], None]

_PIECE = 65536
_SEGMENT = 1460
_FIRST_WINDOW = 10 * _SEGMENT
_IDLE_SECONDS = 0.2  # the least retransmission time-out of Linux, after which slow start begins anew


class Direction:
    """One way of one connection: how much may leave, and when it arrives. Pure: the caller has the clock."""

    def __init__(self, rtt: float, *, slow_start: bool) -> None:
        self._rtt, self._slow_start = rtt, slow_start
        self._window, self._last = float(_FIRST_WINDOW), 0.0
        self._unacked: deque[tuple[float, int]] = deque()
        self._under_way = 0

    def may_send(self, now: float) -> int:
        """How many bytes may leave at `now`."""
        if not self._slow_start:
            return _PIECE
        while self._unacked and self._unacked[0][0] <= now:
            _, acked = self._unacked.popleft()
            self._under_way -= acked
            self._window += acked
        if not self._unacked and now - self._last > max(_IDLE_SECONDS, self._rtt):
            self._window = float(_FIRST_WINDOW)
        return max(0, int(self._window) - self._under_way)

    def next_ack(self) -> float:
        """When more may leave than now."""
        return self._unacked[0][0]

    def sent(self, size: int, now: float) -> float:
        """So many bytes leave at `now`; when they arrive."""
        self._last = now
        if self._slow_start:
            self._unacked.append((now + self._rtt, size))
            self._under_way += size
        return now + self._rtt / 2


class FarLink:
    """`port` leads to 127.0.0.1:`target`, `rtt` seconds away."""

    def __init__(self, target: int, rtt: float, *, slow_start: bool = True) -> None:
        self._target, self._rtt, self._slow_start = target, rtt, slow_start
        self._open: set[asyncio.Task[None]] = set()
        self.port = self.connections = self.bursts = 0

    @property
    def round_trips(self) -> int:
        """Those of the client so far."""
        return self.connections + self.bursts

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection is there; its task is ours."""
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer), name="far link")
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = (
            asyncio.get_running_loop().time() + self._rtt
        )  # until then the client waits for the handshake
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self._target)
            turn = _Turn(self)
            try:
                await asyncio.gather(
                    self._pump(reader, back, opened, turn.from_client),
                    self._pump(there, writer, opened, turn.from_server),
                )
            finally:
                await _closed(back)
        except OSError:
            return  # whoever broke it off knows
        finally:
            await _closed(writer)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened: float, seen: _Seen
    ) -> None:
        """Bytes leave as slow start lets them, and arrive half a round trip later, in order."""
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1024)
        async with asyncio.TaskGroup() as group:
            group.create_task(_arrive(line, writer))
            await self._leave(reader, line, opened, seen)

    async def _leave(
        self,
        reader: asyncio.StreamReader,
        line: asyncio.Queue[tuple[float, bytes]],
        opened: float,
        seen: _Seen,
    ) -> None:
        loop, way = asyncio.get_running_loop(), Direction(self._rtt, slow_start=self._slow_start)
        while piece := await reader.read(_PIECE):
            seen()
            await _until(opened)
            while piece:
                size = min(len(piece), way.may_send(loop.time()))
                if not size:
                    await _until(way.next_ack())
                    continue
                await line.put((way.sent(size, loop.time()), piece[:size]))
                piece = piece[size:]
        await line.put((loop.time() + self._rtt / 2, b""))

    async def close(self) -> None:
        """Break what is open."""
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


class _Turn:
    """Whose turn it is on one connection: the client's bytes after the server's are a new burst."""

    def __init__(self, link: FarLink) -> None:
        self._link, self._clients = link, True

    def from_client(self) -> None:
        if self._clients:
            self._clients = False
            self._link.bursts += 1

    def from_server(self) -> None:
        self._clients = True


async def _until(when: float) -> None:
    await asyncio.sleep(max(0.0, when - asyncio.get_running_loop().time()))


async def _arrive(line: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    while True:
        when, piece = await line.get()
        await _until(when)
        if not piece:
            with suppress(OSError):
                writer.write_eof()
            return
        with suppress(ConnectionError):  # the other side is gone; what leaves it says so
            writer.write(piece)
            await writer.drain()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def far_link(target: int, rtt: float, *, slow_start: bool = True) -> AsyncIterator[FarLink]:
    """A link to a port of this machine, as long as the context lasts."""
    link = FarLink(target, rtt, slow_start=slow_start)
    server = await asyncio.start_server(link.accept, LOOPBACK, 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        await link.close()
