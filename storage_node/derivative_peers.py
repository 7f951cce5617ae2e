"""Asking the node that makes a derivative for the whole region: one decode, however many nodes want it.

What an owner says against the picture itself counts here too: a bomb is not decoded twice. Everything
else – silence, a full queue, a failing disk – is no reason to show nothing: the caller makes it himself.
Called by `derivative_making`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from atoll.errors import AtollError, Undecodable, UpstreamFailed
from atoll.health import State
from atoll.model import Node
from atoll.node_client import NodeClient
from storage_node.derivative import Derivative
from storage_node.derivative_metrics import DerivativeMetrics
from storage_node.derivative_owner import owner_of, possible_owners
from storage_node.derivative_resolution import Wanted
from storage_node.derivative_wire import Question, facts_of, path_of
from storage_node.origin import Origin
from storage_node.peers import MapView

_LARGEST = 128 << 20  # bytes: what a rendering worker may write


class Owners:
    """`silence` is the longest an owner may say nothing, `patience` the longest it may take, in seconds.

    `at_once` requests to one owner at most: renderings take long, and blobs travel on the same connections.
    """

    def __init__(
        self,
        origin: Origin,
        cluster: MapView,
        client: NodeClient,
        state: Callable[[str], State],
        counts: DerivativeMetrics,
        silence: float,
        patience: float,
        at_once: int,
    ) -> None:
        self._at_once = at_once
        self._slots: dict[str, asyncio.Semaphore] = {}  # by owner: as many as there are nodes in the region
        self._me, self._cluster, self._client, self._state = origin, cluster, client, state
        self._counts, self._silence, self._patience = counts, silence, patience

    def other(self, wanted: Wanted) -> Node | None:
        """The node to ask; None when this one makes it, because it is the owner or there is none."""
        nodes = possible_owners(
            self._cluster.current, wanted.address.handle.set, self._me.region, self._me.node, self._state
        )
        owner = owner_of(wanted.key, nodes)
        return owner if owner is not None and owner.name != self._me.node else None

    async def ask(self, node: Node, question: Question) -> tuple[Derivative, bytes] | None:
        """The derivative, its bytes verified; None when the owner did not give it. `Undecodable`."""
        try:
            async with self._slot(node):
                given = await self._ask(node, question)
        except Undecodable:
            self._counts.owner_asks["refused"] += 1
            raise
        except AtollError:
            self._counts.owner_asks["failed"] += 1
            return None
        self._counts.owner_asks["given"] += 1
        return given

    @asynccontextmanager
    async def _slot(self, node: Node) -> AsyncIterator[None]:
        """Room for one more request to this owner; `UpstreamFailed` when there is none in time."""
        slots = self._slots.setdefault(node.name, asyncio.Semaphore(self._at_once))
        try:
            async with asyncio.timeout(self._silence):
                await slots.acquire()
        except TimeoutError as error:
            raise UpstreamFailed(f"Node {node.name} is asked for enough already.", node=node.name) from error
        try:
            yield
        finally:
            slots.release()

    async def _ask(self, node: Node, question: Question) -> tuple[Derivative, bytes]:
        path, patience = path_of(question), self._patience * (10 if question.patient else 1)
        try:
            async with (
                asyncio.timeout(patience),
                self._client.open(node, "GET", path, seconds=self._silence) as response,
            ):
                facts = facts_of(response.headers, question.wanted, node.name)
                return facts, await self._body(node, facts, response)
        except TimeoutError as error:
            raise UpstreamFailed(f"Node {node.name} takes too long.", node=node.name) from error

    async def _body(self, node: Node, facts: Derivative, response: aiohttp.ClientResponse) -> bytes:
        if facts.size > _LARGEST or response.content_length != facts.size:
            raise UpstreamFailed(f"Node {node.name} announces another size.", node=node.name)
        try:
            body = await response.content.readexactly(facts.size)
        except asyncio.IncompleteReadError as error:
            raise UpstreamFailed(f"Node {node.name} broke off.", node=node.name) from error
        if (await asyncio.to_thread(hashlib.sha256, body)).hexdigest() != facts.digest:
            self._counts.bad += 1
            raise UpstreamFailed(f"Node {node.name} sent wrong bytes.", node=node.name)
        return body
