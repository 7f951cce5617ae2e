"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), whatever they tell of.

Each event is the whole of what there is to know, and its id says what was seen: a browser that reconnects
sends it as Last-Event-ID and is not told the same again – nor does it miss anything, for what counts is how
things are now. A comment every few seconds keeps proxies from closing a connection on which nothing moves.
Bounded: so many streams at once over all kinds, and of one API key, each for so long; a reader that takes
nothing counts as gone. Before each further look the key is checked anew: one that was revoked hears no more.
Called by job_events_api.py and overview_api.py.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web

from atoll.errors import Forbidden, TooManyRequests, Unauthorized
from atoll.http import SAFE_HEADERS
from atoll.lifecycle import Stop

RETRY_MS = 2000
STUCK_SECONDS = 20.0  # no word fits into the connection for so long: a page that was frozen, or never read


@dataclass(frozen=True)
class StreamRules:
    """Streams at once, of all and of one API key; seconds between signs of life."""

    at_once: int
    per_key: int
    heartbeat_seconds: float


class Word(NamedTuple):
    """What a stream says: the event's name, and its JSON. After the `last` one it closes."""

    event: str
    body: bytes
    last: bool = False

    @property
    def identity(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:16]


Look = Callable[[], Awaitable[Word | None]]


class EventStreams:
    """All streams of this service. `stop` ends them: their readers come back to another one.

    `clock`: monotonic seconds. `admit` raises `Unauthorized` or `Forbidden` when who asks may not look any
    more.
    """

    def __init__(
        self,
        rules: StreamRules,
        stop: Stop,
        clock: Callable[[], float],
        admit: Callable[[web.Request], object],
    ) -> None:
        self._rules, self._stop, self._clock, self._admit = rules, stop, clock, admit
        self._open = Counter[str]()  # by the key's id

    async def answer(
        self, request: web.Request, look: Look, *, key: str, every: float, longest: float
    ) -> web.StreamResponse:
        """Tell what `look` finds, each `every` seconds, when it has changed; None ends the stream.

        `key`: the id of the API key that asks. `longest`: seconds of its whole life; then the browser comes
        again.
        """
        with self._place(key):
            response = await _begun(request)
            if request.method != "HEAD":
                seen = request.headers.get("Last-Event-ID", "")
                await self._tell(_Reader(request, response), look, seen, every, self._clock() + longest)
        return response

    @contextmanager
    def _place(self, key: str) -> Iterator[None]:
        if self._open.total() >= self._rules.at_once:
            raise _full("Too many event streams are open here.", self._rules.at_once)
        if self._open[key] >= self._rules.per_key:
            raise _full("Too many event streams of this API key are open here.", self._rules.per_key)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    async def _tell(self, reader: _Reader, look: Look, seen: str, every: float, until: float) -> None:
        said = self._clock()
        try:
            await reader.hear(f"retry: {RETRY_MS}\n\n".encode())
            while (word := await look()) is not None:
                if word.identity != seen:
                    await reader.hear(_event(word))
                    seen, said = word.identity, self._clock()
                elif self._clock() - said >= self._rules.heartbeat_seconds:
                    await reader.hear(b": alive\n\n")
                    said = self._clock()
                if word.last or self._clock() >= until or await self._stop.sleep(every):
                    return
                self._admit(reader.request)
        except (Unauthorized, Forbidden):
            return  # who comes again is told why
        except (ConnectionError, asyncio.CancelledError):
            return  # the reader has gone


def _full(detail: str, limit: int) -> TooManyRequests:
    return TooManyRequests(detail, limit=limit, retry_after=5)


class _Reader:
    """Whoever listens."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self.request, self._response = request, response

    async def hear(self, text: bytes) -> None:
        """`ConnectionError` when nobody takes it."""
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                await self._response.write(text)
        except TimeoutError as error:
            if self.request.transport is not None:
                self.request.transport.abort()  # or the end of the answer would wait for it as well
            raise ConnectionAbortedError("The reader takes nothing.") from error


async def _begun(request: web.Request) -> web.StreamResponse:
    headers = {
        **SAFE_HEADERS,
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would hold back what is small
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    return response


def _event(word: Word) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (word.identity.encode(), word.event.encode(), word.body)
