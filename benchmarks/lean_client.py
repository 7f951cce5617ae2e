"""An HTTP client that costs next to nothing: it shares the machine with what it measures.

Knows one thing: write a prepared request, read one answer with a Content-Length, take the next request.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, cast


class Request(NamedTuple):
    """Head (with its blank line) and body, ready to be written."""

    head: bytes
    body: bytes = b""


class Run(NamedTuple):
    """All requests answered: seconds it took, seconds of our own CPU, seconds each waited."""

    seconds: float
    own_cpu: float
    waits: list[float]


class _Connection(asyncio.Protocol):
    """One connection that takes requests from `todo` until there are none."""

    def __init__(self, todo: deque[Request], status: bytes, waits: list[float]) -> None:
        self._todo, self._status, self._waits = todo, b"HTTP/1.1 " + status, waits
        self._received = b""
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._send()

    def _send(self) -> None:
        if not self._todo:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self._sent = time.perf_counter()
        self._transport.writelines(self._todo.popleft())

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not _is_whole(self._received):
            return
        answer, self._received = self._received, b""
        if not answer.startswith(self._status):
            self._fail(RuntimeError(f"not {self._status!r}: {answer[:500]!r}"))
            return
        self._waits.append(time.perf_counter() - self._sent)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
        self._transport.abort()


def _is_whole(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
    return len(body) >= int(length)


async def send_all(port: int, requests: Sequence[Request], connections: int, status: bytes = b"201") -> Run:
    """Send every request over so many connections, each waiting for its answer before the next.

    RuntimeError when an answer has another status.
    """
    todo, waits = deque(requests), []  # type: deque[Request], list[float]
    loop = asyncio.get_running_loop()
    cpu, began = time.process_time(), time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(todo, status, waits), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    return Run(time.perf_counter() - began, time.process_time() - cpu, waits)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
