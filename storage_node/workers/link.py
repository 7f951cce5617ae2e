"""A socket pair between home and a worker: calls in both directions, each with one answer. I/O.

A frame is a 4-byte length and a msgpack array: number, name, body. Frames that arrive together are
handled together, so that many uploads' commits cost one wake-up. Refuses frames above `MAX_FRAME`: who
has more to send finds another way. What a call may say is wire.py's; both ends are of the same version
and trust each other.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

from atoll.errors import AtollError, Unavailable, from_problem

log = logging.getLogger(__name__)

Call = Callable[[bytes], Awaitable[bytes]]

MAX_FRAME = 64 * 2**20  # a cluster map of some hundred thousand buckets and keys
_LENGTH = 4
_GOOD, _BAD = "=", "!"


class LinkLost(Unavailable):
    """The other end is gone. What became of a call under way nobody here can say."""


class _Frame(Struct, array_like=True, frozen=True):
    number: int  # of the call; an answer has its call's
    name: str  # of the call; _GOOD or _BAD: an answer
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Frame).decode


class Link(asyncio.Protocol):
    """One end. `calls`: what the other may ask; `lost` is called once, when the other end is gone."""

    def __init__(self, calls: Mapping[str, Call], lost: Callable[[], None]) -> None:
        self._calls, self._lost = calls, lost
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport | None = None
        self._last = 0

    async def open(self, end: socket.socket) -> None:
        """Begin on this end of the pair, which the link owns from now on."""
        await self._loop.create_unix_connection(lambda: self, sock=end)

    def call(self, name: str, body: bytes) -> asyncio.Future[bytes]:
        """The other end's answer, or what it raised; `LinkLost` when it is gone. From the loop."""
        answer: asyncio.Future[bytes] = self._loop.create_future()
        if self._transport is None:
            answer.set_exception(_gone())
            return answer
        self._last += 1
        self._waiting[self._last] = answer
        self._send(self._last, name, body)
        return answer

    async def close(self) -> None:
        """End this side; calls under way are given up."""
        if self._transport is not None:
            self._transport.close()
        for task in tuple(self._working):
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(_gone())
        self._lost()

    def data_received(self, data: bytes) -> None:
        self._received += data
        at = 0
        while len(self._received) - at >= _LENGTH:
            end = at + _LENGTH + int.from_bytes(self._received[at : at + _LENGTH], "big")
            if end > len(self._received):
                break
            self._take(_decode(memoryview(self._received)[at + _LENGTH : end]))
            at = end
        if at:
            del self._received[:at]

    def _take(self, frame: _Frame) -> None:
        if frame.name in {_GOOD, _BAD}:
            self._answered(frame)
            return
        task = self._loop.create_task(self._work(frame), name=f"call {frame.name}")
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    def _answered(self, frame: _Frame) -> None:
        answer = self._waiting.pop(frame.number, None)
        if answer is None or answer.done():
            return  # whoever asked has gone
        if frame.name == _GOOD:
            answer.set_result(frame.body)
        else:
            answer.set_exception(_error_of(frame.body))

    async def _work(self, frame: _Frame) -> None:
        try:
            self._send(frame.number, _GOOD, await self._calls[frame.name](frame.body))
        except AtollError as error:
            self._send(frame.number, _BAD, _encode(error.problem()))
        except Exception:  # the loop's edge: a bug in one call is answered, and the others go on
            log.exception("the call %s failed", frame.name)
            self._send(frame.number, _BAD, _encode(AtollError("This is a bug on our side.").problem()))

    def _send(self, number: int, name: str, body: bytes) -> None:
        if self._transport is None:
            return
        frame = _encode(_Frame(number, name, body))
        if len(frame) > MAX_FRAME:
            raise ValueError(f"{name}: a frame of {len(frame)} bytes is longer than {MAX_FRAME}")
        self._transport.write(len(frame).to_bytes(_LENGTH, "big") + frame)


def _error_of(body: bytes) -> AtollError:
    document: dict[str, Any] = msgspec.msgpack.decode(body)
    return from_problem(document, int(document["status"]))


def _gone() -> LinkLost:
    return LinkLost("This part of the node is being restarted.", retry_after=1)
