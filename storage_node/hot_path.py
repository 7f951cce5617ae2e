"""Public blobs, and derivatives, in memory, answered before routing: most reads of a busy node end here.

Stands in front of the application (`front`). A GET whose raw target is a public entry of the RAM cache,
over plain HTTP/1.1 and without a header that asks for anything else, gets prepared bytes: one dict
look-up, a few header look-ups, one write. A target that was found to mean a derivative in memory
(hot_targets.py) costs one look-up more, and no blob pays for it. Everything else – a private bucket's blob, a
range, a condition, HEAD, other methods – goes on to the application, which answers the same and more slowly.

Why not a route: aiohttp's router, middlewares and header serialisation cost more than the answer itself
(on one core and 8 KB: 21k answers a second with all of them, 36k with the router alone, 50k here).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from atoll.http import Handler
from atoll.prepared import DateLine, Prepared, is_plain
from storage_node.hot_targets import HotTargets
from storage_node.hot_times import EVERY, HotTimes
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadMetrics, Served

Clock = Callable[[], float]
Seen = Callable[[float], None]

_ANY_ORIGIN = b"Access-Control-Allow-Origin"


class _TimedResponse(Prepared):
    """One of those that are timed (hot_times.py)."""

    def __init__(self, head: bytes, body: bytes, date: bytes, began: float, clock: Clock, seen: Seen) -> None:
        super().__init__(head, body, date)
        self._began, self._clock, self._seen = began, clock, seen

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything at once, and how long it took; also of one who left meanwhile."""
        try:
            await super().write_eof(data)
        finally:
            self._seen(self._clock() - self._began)


def hot_path(
    inner: Handler,
    ram: RamCache,
    targets: HotTargets,
    counts: ReadMetrics,
    derivatives: Served,
    times: HotTimes,
    clock: Clock = time.time,
) -> Handler:
    """`inner` with the hot path in front of it. `clock` gives Unix seconds."""
    entries, served, date, tick = ram.entries, counts.ram, DateLine(clock), times.clock
    blob_took, derivative_took = times.blob.observe, times.derivative.observe

    async def handle(request: web.Request) -> web.StreamResponse:
        began = 0.0 if served.requests % EVERY else tick()
        entry = entries.get(request.raw_path)
        if entry is None:
            return await derivative(request)
        if not entry.public or not is_plain(request):
            return await inner(request)
        entry.used = True
        served.requests += 1
        served.bytes += len(entry.body)
        if began:
            return _TimedResponse(entry.head, entry.body, date.line(), began, tick, blob_took)
        return Prepared(entry.head, entry.body, date.line())

    async def derivative(request: web.Request) -> web.StreamResponse:
        began = 0.0 if derivatives.requests % EVERY else tick()
        found = targets.find(request)
        if found is None or not is_plain(request):
            return await inner(request)
        if "Origin" in request.headers and _ANY_ORIGIN not in found.head:
            return await inner(request)  # a private picture: cors.py says which pages may read it
        entry = found.entry
        entry.used = True
        derivatives.requests += 1
        derivatives.bytes += len(entry.body)
        if began:
            return _TimedResponse(found.head, entry.body, date.line(), began, tick, derivative_took)
        return Prepared(found.head, entry.body, date.line())

    return handle
