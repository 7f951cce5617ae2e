"""The replicator's comparison of two nodes, over counted links. Orders are counted, and nothing is pulled."""

from __future__ import annotations

import random
import time
from contextlib import AsyncExitStack
from typing import NamedTuple

import aiohttp
from prometheus_client import CollectorRegistry

from atoll.errors import NotFound
from atoll.ids import now_ms
from atoll.lifecycle import Stop, Tasks
from atoll.model import AssetRecord, Node
from atoll.node_client import NodeClient, open_session
from atoll.node_trees import NodeTrees
from atoll.signing import Keys
from benchmarks.counted_link import CountedLink, counted_link
from replicator.anti_entropy_figures import RepairFigures
from replicator.anti_entropy_memory import Memory
from replicator.anti_entropy_orders import Orders
from replicator.anti_entropy_pace import ByteRate, Slots, Throttle
from replicator.anti_entropy_visit import Records, Visit
from replicator.company import Company
from replicator.gate import NodeGate
from replicator.window import Window
from replicator.work import Mend

_ANSWER_SECONDS = 120.0


class Side(NamedTuple):
    """A node's internal API on this machine."""

    name: str
    port: int
    keys: Keys


class Moved(NamedTuple):
    """What one comparison took. `peer` and `own`: bytes on the wire, both directions, to each of the nodes.

    `equal`: it found nothing; `orders`: what it would have pulled.
    """

    peer: int
    own: int
    questions: int
    orders: int
    equal: bool
    seconds: float


async def compare(here: Side, there: Side) -> Moved:
    """The node `here` compared with its peer `there`, by a replicator that knows nothing yet."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        own, peer = await enter(counted_link(here.port)), await enter(counted_link(there.port))
        session = await enter(open_session())
        asked = _Asked(session)
        carried = _Carried()
        tasks = await enter(Tasks(Stop()))
        tasks.start("gate", carried.gate.run())
        tasks.start("orders", carried.run())
        visit = _visit(asked, carried.window, asked.trees(here, own), asked.trees(there, peer))
        began = time.monotonic()
        tally = await visit.run()
        took = time.monotonic() - began
    return Moved(peer.bytes, own.bytes, asked.count, carried.count, tally is None, took)


class _Asked:
    """Asks nodes over their links, and counts what was answered."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._here: tuple[NodeClient, Node] | None = None
        self.count = 0

    def trees(self, side: Side, link: CountedLink) -> NodeTrees:
        """A side's trees; the first one is the own node."""
        node = Node(side.name, "here", "s1", f"http://127.0.0.1:{link.port}")
        client = NodeClient(self._session, side.keys, "compare")
        self._here = self._here or (client, node)
        return NodeTrees(client, node, seconds=_ANSWER_SECONDS, heard=self._heard)

    async def record(self, bucket: str, sha256: str) -> AssetRecord | None:
        """As the replicator asks its own node."""
        assert self._here is not None
        client, node = self._here
        self.count += 1
        try:
            return await client.call(node, "GET", f"/internal/v1/records/{bucket}/{sha256}", AssetRecord)
        except NotFound:
            return None

    def _heard(self, _size: int) -> None:
        self.count += 1


class _Carried:
    """A window whose orders are carried out at once, by counting them."""

    def __init__(self) -> None:
        self.gate = NodeGate(self._up, 0.1, random.Random())
        self.window = Window(self.gate, Company(1, 0.0, time.monotonic))  # nobody waits
        self.count = 0

    async def _up(self) -> None:
        return

    async def run(self) -> None:
        while (work := await self.window.take()) is not None:
            if isinstance(work, Mend) and not work.done.done():
                self.count += 1
                work.done.set_result("stored")


def _visit(records: Records, window: Window, here: NodeTrees, there: NodeTrees) -> Visit:
    slots = Slots(Throttle(8, 1.0), ByteRate(2**50), lambda _: 0.0, time.monotonic)
    memory = Memory()
    return Visit(
        here=here,
        there=there,
        node=records,
        orders=Orders(there.node.name, window, slots, memory, lambda: None),
        memory=memory,
        figures=RepairFigures(CollectorRegistry()),
        sources=(there.node.name,),
        grace_ms=0,
        clock=now_ms,
        progress=lambda _: None,
    )
