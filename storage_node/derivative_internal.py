"""GET /internal/v1/derivatives/…: a derivative that this node owns, made for another node of its region.

Never asks a third node. While it is being made the asker is told so (102, RFC 2518) more often than he
is patient with silence: a render of a second is no reason to make it twice, a node that hangs is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from aiohttp import web

from atoll.errors import NotFound
from atoll.names import CONTENT_TYPES
from atoll.transformation.limits import Limits
from storage_node.derivative import Derivative
from storage_node.derivative_making import Made, Maker
from storage_node.derivative_memory import DerivativeMemory
from storage_node.derivative_metrics import DerivativeMetrics
from storage_node.derivative_wire import FACTS, PREFIX, Question, facts_header, question_of
from storage_node.internal_auth import InternalAuth

_ALIVE = b"HTTP/1.1 102 Processing\r\n\r\n"


class InternalDerivatives:
    """`alive_seconds`: how often an asker hears of us. `limits` are the node's own, of the grammar."""

    def __init__(
        self,
        own_set: str,
        memory: DerivativeMemory,
        maker: Maker,
        limits: Limits,
        alive_seconds: float,
        counts: DerivativeMetrics,
    ) -> None:
        self._own_set, self._memory, self._maker, self._limits = own_set, memory, maker, limits
        self._alive_seconds, self._counts = alive_seconds, counts

    def add_routes(self, app: web.Application, auth: InternalAuth) -> None:
        """Serve it, for our own daemons."""
        app.router.add_get(f"{PREFIX}/{{rest:.*}}", auth.guard(self.handle), allow_head=False)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The derivative; `NotFound` for another set's, and all that `Maker.make` raises."""
        question = question_of(request.raw_path, self._limits)
        if question.wanted.address.handle.set != self._own_set:
            raise NotFound("This node does not belong to that set.")
        derivative, body = await self._given(request, question)
        self._counts.to_peers.requests += 1
        self._counts.to_peers.bytes += len(body)
        headers = {"Content-Type": CONTENT_TYPES[derivative.format], FACTS: facts_header(derivative)}
        return web.Response(body=body, headers=headers)

    async def _given(self, request: web.Request, question: Question) -> tuple[Derivative, bytes]:
        entry = self._memory.get(question.wanted)
        if entry is not None and entry.derivative is not None:
            return entry.derivative, entry.body
        seen = self._memory.seen_drops
        making = self._maker.make(question.wanted, alone=True, patient=question.patient)
        made = await self._while_alive(request, making)
        self._memory.remember(question.wanted, made, seen)
        return made.derivative, made.body

    async def _while_alive(self, request: web.Request, making: Coroutine[Any, Any, Made]) -> Made:
        task = asyncio.create_task(making, name="a derivative for another node")
        try:
            while not (await asyncio.wait({task}, timeout=self._alive_seconds))[0]:
                with suppress(ConnectionError):  # he has gone: what is made will be asked for again
                    await request.writer.write(_ALIVE)
                request.writer.output_size = 0  # the answer itself has not begun
        finally:
            task.cancel()
        return task.result()
