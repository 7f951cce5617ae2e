"""Anti-entropy: the own node is compared with each peer of its set, over and over, and made whole. I/O.

Needs no stream and no database: two nodes that can reach each other converge. A round goes over the peers,
nearest first, so that a fresh node – whose first round is its backfill – is filled from near by. A walk that
breaks off is begun again; what it mended is equal by then. A round starts every `seconds`, at once when a
peer or the own node comes back, and soon again while there is something to mend.
A node that was removed, or has not joined, is left alone.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from atoll.cluster_map import LiveClusterMap
from atoll.errors import AtollError, Unavailable
from atoll.model import Node
from atoll.node_client import NodeClient
from atoll.node_trees import NodeTrees
from replicator.anti_entropy_figures import RepairFigures
from replicator.anti_entropy_ledger import Ledger
from replicator.anti_entropy_memory import Memory
from replicator.anti_entropy_orders import Orders, Tally
from replicator.anti_entropy_pace import Slots
from replicator.anti_entropy_visit import Visit
from replicator.gate import NodeGate
from replicator.own_node import OwnNode
from replicator.peers import Peers
from replicator.sources import Sources
from replicator.window import Window

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0  # a node's first look at a large tree takes it some seconds
SUSPECT_SECONDS = 3.0  # a peer that gives no sign of life may not hold up the others
AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Means:
    """What all comparisons share."""

    client: NodeClient
    cluster: LiveClusterMap
    node: OwnNode
    peers: Peers
    sources: Sources
    window: Window
    gate: NodeGate
    figures: RepairFigures
    clock: Callable[[], int]  # Unix milliseconds
    rng: random.Random


class AntiEntropy:
    """For the node called `name`; `slots` bounds what is under way, `ledger` says how it stands."""

    def __init__(
        self, name: str, means: Means, slots: Slots, ledger: Ledger, seconds: float, grace_seconds: float
    ) -> None:
        self._name, self._means, self._slots, self._ledger = name, means, slots, ledger
        self._seconds, self._grace_ms = seconds, int(grace_seconds * 1000)
        self._memories: dict[str, Memory] = {}
        self._hurry = asyncio.Event()
        means.gate.on_open(self._node_is_back)
        means.peers.on_return(self._hurry.set)

    def _node_is_back(self) -> None:
        for memory in self._memories.values():
            memory.forget()
        self._hurry.set()

    async def run(self) -> None:
        """Rounds for ever."""
        pause = self._seconds
        while True:
            await self._pause(pause)
            try:
                mended = await self._round()
            except Exception:  # the loop's edge: streams must flow on, whatever is wrong here
                log.exception("a round of repair failed in an unforeseen way")
                mended = 0
            pause = min(AGAIN_SECONDS, self._seconds) if mended else self._seconds

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds * self._means.rng.uniform(0.75, 1.25))
        except TimeoutError:
            return
        self._hurry.clear()

    async def _round(self) -> int:
        """Compare with all peers, one after the other; how many things were mended."""
        peers = self._peers_now()
        self._ledger.keep_only(peers)
        self._memories = {p.name: self._memories.get(p.name) or Memory() for p in peers}
        mended = 0
        for peer in peers:
            if self._means.gate.is_open:
                mended += await self._compare(peer)
        return mended

    def _peers_now(self) -> list[Node]:
        cluster = self._means.cluster.current
        own = cluster.nodes.get(self._name)
        if own is None or own.state == "removed" or own.region not in cluster.regions:
            return []
        return cluster.peers(self._name)

    async def _compare(self, peer: Node) -> int:
        """One comparison to its end, or as far as it comes; how many things were mended."""
        means, ledger, began = self._means, self._ledger, self._means.clock()
        memory = self._memories[peer.name]
        memory.begin(began / 1000)
        orders = Orders(peer.name, means.window, self._slots, memory, lambda: ledger.mended(peer.name))
        try:
            tally = await self._visit(peer, orders, memory).run()
        except AtollError as error:
            self._failed(peer, error)
        else:
            self._compared(peer, began, tally)
        finally:
            ledger.set(peer.name, progress=None)
        return orders.tally.mended

    def _visit(self, peer: Node, orders: Orders, memory: Memory) -> Visit:
        means = self._means
        healthy = means.peers.state(peer.name) == "healthy"
        own = means.cluster.current.node(self._name)
        heard = means.figures.bytes.inc
        return Visit(
            here=NodeTrees(means.client, own, seconds=ANSWER_SECONDS, heard=heard),
            there=NodeTrees(
                means.client, peer, seconds=ANSWER_SECONDS if healthy else SUSPECT_SECONDS, heard=heard
            ),
            node=means.node,
            orders=orders,
            memory=memory,
            figures=means.figures,
            sources=means.sources.of_repair(peer.name),
            grace_ms=self._grace_ms,
            clock=means.clock,
            progress=lambda share: self._ledger.set(peer.name, progress=round(share, 4)),
        )

    def _failed(self, peer: Node, error: AtollError) -> None:
        if self._ledger.trouble(peer.name) is None:
            log.warning("the comparison with %s did not come to its end: %s", peer.name, error.detail)
        if isinstance(error, Unavailable) and error.facts.get("node") == self._name:
            self._means.gate.shut(error.detail)  # it opens, and a round begins, when the node is back
        self._means.figures.comparisons.labels("failed").inc()
        self._ledger.set(peer.name, missing=None, trouble=error.detail)

    def _compared(self, peer: Node, began: int, tally: Tally | None) -> None:
        result = "equal" if tally is None else "incomplete" if tally.left else "complete"
        self._means.figures.comparisons.labels(result).inc()
        left, fresh = (tally.left, tally.fresh) if tally else (0, 0)
        self._ledger.set(peer.name, compared_at=began, missing=left, fresh=fresh, trouble=None)
        if not left:
            self._ledger.set(peer.name, complete_at=began)
