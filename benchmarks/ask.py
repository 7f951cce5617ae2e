"""Keep-alive connections that cost next to nothing: one request out, its whole answer back.

For load that comes at its own times, whoever has answered or not; what sends as fast as it is answered is
`lean_client`. Knows answers with a Content-Length only.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, cast

from atoll.local.ports import LOOPBACK

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._whole = 0  # bytes of the answer, once its head is here
        self._head = 0
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    async def ask(self, parts: Sequence[bytes]) -> Answer:
        """Send, and wait for the answer. `ConnectionError` when there is none."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            raise ConnectionError("closed before the request")
        self._transport.writelines(parts)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._whole and (end := self._received.find(_HEAD_END)) >= 0:
            self._head = end + len(_HEAD_END)
            head = bytes(self._received[:end]).lower()
            self._whole = self._head + int(head.partition(_LENGTH)[2].split(b"\r\n", 1)[0])
        if self._whole and len(self._received) >= self._whole:
            answer = Answer(int(self._received[9:12]), bytes(self._received[self._head : self._whole]))
            del self._received[: self._whole]
            self._whole = 0
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.abort()


class Asker:
    """As many connections to each port as are wanted at once; they are kept for the next."""

    def __init__(self) -> None:
        self._idle: dict[int, list[_Connection]] = defaultdict(list)
        self.opened = 0

    async def ask(self, port: int, parts: Sequence[bytes]) -> Answer:
        """Send one request, all its bytes, to a port of this machine."""
        idle = self._idle[port]
        while idle and idle[-1].closed:  # by the server, after a while without requests
            idle.pop()
        connection = idle.pop() if idle else await self._open(port)
        answer = await connection.ask(parts)  # one that fails is not kept
        idle.append(connection)
        return answer

    async def _open(self, port: int) -> _Connection:
        self.opened += 1
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, LOOPBACK, port)
        return connection

    def close(self) -> None:
        """Close what is idle."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
