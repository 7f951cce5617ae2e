"""A pull on a durable consumer whose messages are handed out the moment they come. I/O.

The driver's own `fetch` gathers: asked for 64 messages when one comes, it waits for the other 63 until its
deadline, and so holds an event back for half a second while nothing else happens. Here one request stays
open with the server; what has come is handed out, and the next request is made when the last one is used up
or has ended. Its end is told by a status message, which names the request it ends by its subject.

Used by `streams.Consumer` only, by one task at a time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from itertools import count

from nats.aio.msg import Msg

from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable, Inbox

log = logging.getLogger(__name__)

# How long a request waits with the server, whoever asks for less: asking every half second all night long
# costs both sides more than messages do. Longer, and one that a cut-off swallowed would be missed as long.
OPEN_SECONDS = 2.0
_LATE_SECONDS = 0.25  # how long after its time we still wait for the server to end a request
_GATHER_SECONDS = 0.005  # how long a request for what waits stays open: the server has an end for no other
_CLOSE_SECONDS = 2.0
_STATUS = "Status"
_JUST_OVER = frozenset({"404", "408"})  # no messages, or not as many in time


class Pull:
    """`subject` is where the consumer takes requests. `open` it first, and `close` it in the end."""

    def __init__(self, bus: Bus, subject: str) -> None:
        self._bus, self._subject = bus, subject
        self._inbox: Inbox | None = None
        self._numbers = count()
        self._request = ""  # the inbox of the open one
        self._left = 0  # messages it may still bring
        self._until = 0.0  # monotonic seconds: when it is over at the latest
        self._connection = 0  # of the bus, in which it was made
        self._come: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._refusal: str | None = None
        self.heard_at = time.monotonic()  # when the consumer last gave a sign of life

    async def open(self) -> None:
        """Listen for what the server sends. `BusUnavailable` while disconnected."""
        self._inbox = await self._bus.open_inbox(self._hear)

    async def fetch(self, batch: int, wait: float) -> list[Msg]:
        """Up to `batch` messages, as soon as there is one; none after `wait` seconds.

        The request stays open: what comes between two calls is what the next one gives, at most as many as
        the earlier one asked for.
        `BusUnavailable` when the server refuses: the consumer is gone, or there is no JetStream now.
        """
        deadline = time.monotonic() + wait
        while not self._come and (seconds := deadline - time.monotonic()) > 0:
            self._news.clear()
            if self._is_over():
                await self._ask(batch, max(seconds, OPEN_SECONDS))
            await self._wait(seconds)
            if self._refusal and not self._come:
                raise BusUnavailable(f"{self._subject}: {self._refusal}", retry_after=1)
        return [self._come.popleft() for _ in range(min(batch, len(self._come)))]

    async def gathered(self, batch: int) -> list[Msg]:
        """Up to `batch` messages that wait by now; the server sends them in one go. Errors as of `fetch`.

        For those who come round by themselves: a message that is pushed the moment it comes costs both sides
        several times what one among many does.
        """
        deadline = time.monotonic() + _GATHER_SECONDS + _LATE_SECONDS
        self._news.clear()
        if self._is_over():
            await self._ask(batch, _GATHER_SECONDS)
        while self._left > 0 and (seconds := deadline - time.monotonic()) > 0:
            await self._wait(seconds)
            self._news.clear()
        return self._handed_out(batch)

    def _is_over(self) -> bool:
        """Whether the last request brings nothing more."""
        lost = self._connection != self._bus.connections
        return lost or self._left <= 0 or time.monotonic() >= self._until

    def _handed_out(self, batch: int) -> list[Msg]:
        if self._refusal and not self._come:
            raise BusUnavailable(f"{self._subject}: {self._refusal}", retry_after=1)
        return [self._come.popleft() for _ in range(min(batch, len(self._come)))]

    async def _ask(self, batch: int, seconds: float) -> None:
        assert self._inbox is not None
        self._request = f"{self._inbox.prefix}.{next(self._numbers)}"
        self._left, self._until = batch, time.monotonic() + seconds + _LATE_SECONDS
        self._connection = self._bus.connections
        self._refusal = None
        body = json.dumps({"batch": batch, "expires": max(1, int(seconds * 1e9))}).encode()
        await self._bus.publish(self._subject, body, reply=self._request)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    async def _hear(self, message: Msg) -> None:
        status = (message.headers or {}).get(_STATUS)
        if status is None:
            self._left -= 1
            self._come.append(message)
            self.heard_at = time.monotonic()
        elif message.subject != self._request:
            return  # the end of an earlier request, late
        else:
            self._left = 0
            self._take_status(status, message)
        self._news.set()

    def _take_status(self, status: str, message: Msg) -> None:
        if status in _JUST_OVER:
            self.heard_at = time.monotonic()
        else:
            self._refusal = f"{status} {(message.headers or {}).get('Description', '')}".strip()

    async def close(self) -> None:
        """Ask for nothing more, and give back what came and nobody took."""
        inbox, self._inbox = self._inbox, None
        if inbox is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await inbox.close()
                while self._come:
                    await self._come.popleft().nak()
        except FOREIGN_ERRORS as error:  # then they come again after their ack wait
            log.debug("a pull was not closed in order: %r", error)
