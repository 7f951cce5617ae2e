"""Connections that a worker hands to home: the socket itself, and what was read from it. I/O.

Nothing is copied and nothing is proxied: from then on the connection is home's, with its limits, its pace
and its peer's address. Sent as packets over a socket pair of their own; the first of each connection
carries the descriptor (unix(7), SCM_RIGHTS), the last one says so. Linux only, as `SO_REUSEPORT` is in
the way it is used.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import deque

from atoll.http_protocol import Server

log = logging.getLogger(__name__)

_PIECE = 32 * 1024
_MORE, _LAST = b"\1", b"\0"
_WAITING = 1024  # connections whose packets home has not read yet; more are closed


def new_pair() -> tuple[socket.socket, socket.socket]:
    """Home's end and a worker's."""
    home, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (home, worker):
        end.setblocking(False)
    return home, worker


class Giving:
    """A worker's end."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._loop = end, asyncio.get_running_loop()
        self._packets: deque[tuple[bytes, int | None]] = deque()
        self._writing = False

    def give(self, transport: asyncio.BaseTransport, received: bytes) -> bool:
        """Hand the connection over; the caller closes its transport. False: home does not keep up."""
        if len(self._packets) >= _WAITING:
            return False
        descriptor: int | None = os.dup(transport.get_extra_info("socket").fileno())
        for at in range(0, max(1, len(received)), _PIECE):
            mark = _MORE if at + _PIECE < len(received) else _LAST
            self._packets.append((mark + received[at : at + _PIECE], descriptor))
            descriptor = None
        if not self._writing:
            self._write()
        return True

    def close(self) -> None:
        """What was not sent is closed."""
        self._loop.remove_writer(self._end.fileno())
        for _, descriptor in self._packets:
            if descriptor is not None:
                os.close(descriptor)
        self._packets.clear()
        self._end.close()

    def _write(self) -> None:
        while self._packets:
            body, descriptor = self._packets[0]
            try:
                socket.send_fds(self._end, [body], [] if descriptor is None else [descriptor])
            except BlockingIOError:
                break
            except OSError as error:  # home has ended, and so will this process
                log.debug("a connection was not handed over: %s", error)
            self._packets.popleft()
            if descriptor is not None:
                os.close(descriptor)
        if self._writing != bool(self._packets):
            self._writing = bool(self._packets)
            if self._writing:
                self._loop.add_writer(self._end.fileno(), self._write)
            else:
                self._loop.remove_writer(self._end.fileno())


class Taking:
    """Home's end: what one worker gives goes on in `server`."""

    def __init__(self, end: socket.socket, server: Server) -> None:
        self._end, self._server, self._loop = end, server, asyncio.get_running_loop()
        self._taken: socket.socket | None = None
        self._received = bytearray()
        self._opening: set[asyncio.Task[None]] = set()
        self.count = 0
        self._loop.add_reader(end.fileno(), self._read)

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._end.fileno())
        self._end.close()
        if self._taken is not None:
            self._taken.close()

    def _read(self) -> None:
        while True:
            try:
                body, descriptors, _, _ = socket.recv_fds(self._end, _PIECE + 1, 1)
            except BlockingIOError:
                return
            except OSError:  # reset by a worker's death
                body, descriptors = b"", []
            if not body:
                self._loop.remove_reader(self._end.fileno())
                return
            self._take(body, descriptors)

    def _take(self, body: bytes, descriptors: list[int]) -> None:
        if descriptors:
            self._taken = socket.socket(fileno=descriptors[0])
            self._received.clear()
        self._received += body[1:]
        if body[:1] == _LAST and self._taken is not None:
            task = self._loop.create_task(self._open(self._taken, bytes(self._received)), name="take over")
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
            self._taken = None

    async def _open(self, taken: socket.socket, received: bytes) -> None:
        self.count += 1
        taken.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(lambda: self._server.connection(received), taken)
        except OSError as error:  # the client has gone
            log.debug("a connection was not taken over: %s", error)
            taken.close()
