"""Small blobs that are wanted at the same moment, from the peer they have in common, in one request.

A request costs both nodes several times what one more small blob in it does. What comes this way is what
fetch.py would have brought: each blob checked against its name, or not there. Nobody depends on it: what a
peer does not give – it lacks it, it sent wrong bytes, it is of a release that does not know the question – is
fetched by itself. Called by orders.py, for orders that came together.

Memory is bounded: so many bytes in one request, so many requests at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from atoll.cancelling import cancel_and_wait
from atoll.errors import NotFound, Rejected
from atoll.hedging import AllFailed, Turn
from atoll.model import Node
from atoll.node_api import TOGETHER_BYTES, BlobName
from atoll.node_client import read_bounded
from storage_node.blobs_together import TOGETHER, room_for, unpack
from storage_node.chunks import CHUNK_BYTES
from storage_node.fetch import Fetched
from storage_node.peers import Peers
from storage_node.read_metrics import ReadMetrics
from storage_node.store import BlobKey

log = logging.getLogger(__name__)

_AT_ONCE = 4  # requests
_SINGLY_SECONDS = 60.0  # so long a peer that did not understand is asked one by one


class Want(NamedTuple):
    """A blob of a known size, and whom to ask for it, best first."""

    key: BlobKey
    size: int
    sources: Sequence[Node]


Ahead: TypeAlias = "asyncio.Future[Fetched | None]"
Coming = Mapping[BlobKey, Ahead]


class FetchTogether:
    """Owns the requests. `clock` gives monotonic seconds. Loop-thread only."""

    def __init__(
        self, peers: Peers, counts: ReadMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._peers, self._counts, self._clock = peers, counts, clock
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._singly: dict[str, float] = {}  # peers that did not understand, and until when

    async def close(self) -> None:
        """Cancel what is under way and await it."""
        await cancel_and_wait(self._tasks)

    def begin(self, wants: Sequence[Want]) -> Coming:
        """Ask for those that have company; each comes, or turns out as None, in its future."""
        coming: dict[BlobKey, Ahead] = {}
        for some in _companies([want for want in wants if self._may_ask(want)]):
            loop = asyncio.get_running_loop()
            coming |= {want.key: loop.create_future() for want in some}
            task = asyncio.create_task(self._bring(some, coming), name=f"{len(some)} blobs together")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return coming

    def _may_ask(self, want: Want) -> bool:
        if want.size > CHUNK_BYTES or not want.sources:
            return False
        return self._singly.get(want.sources[0].name, 0.0) <= self._clock()

    async def _bring(self, wants: Sequence[Want], coming: Coming) -> None:
        found: Mapping[BlobKey, Fetched] = {}
        try:
            async with self._places:
                found = await self._fetch(wants)
        finally:  # cancelled too: nobody may wait for ever
            for want in wants:
                if not (future := coming[want.key]).done():
                    future.set_result(found.get(want.key))

    async def _fetch(self, wants: Sequence[Want]) -> Mapping[BlobKey, Fetched]:
        """What the first peer gives that gives anything; others are asked as for one blob (peers.py)."""
        try:
            return await self._peers.first(
                wants[0].sources, lambda node, turn: self._fetch_from(node, turn, wants)
            )
        except AllFailed as failed:
            log.debug("no blobs together: %s", [failure.error.detail for failure in failed.failures])
            return {}

    async def _fetch_from(self, node: Node, turn: Turn, wants: Sequence[Want]) -> dict[BlobKey, Fetched]:
        sizes = [want.size for want in wants]
        try:
            answer = await self._ask(node, turn, wants, room_for(sizes))
        except Rejected as error:
            self._singly[node.name] = self._clock() + _SINGLY_SECONDS
            raise NotFound("This peer gives blobs one by one.", node=node.name) from error
        found = {
            want.key: Fetched(want.key, want.size, b"", node.name, body, None)
            for want, body in zip(wants, unpack(answer, sizes), strict=True)
            if body is not None and self._is_right(body, want.key)
        }
        if not found:
            raise NotFound("This peer has none of them.", node=node.name)
        return found

    async def _ask(self, node: Node, turn: Turn, wants: Sequence[Want], limit: int) -> bytes:
        names = [BlobName(*want.key) for want in wants]
        async with self._peers.ask(node, "POST", TOGETHER, limit, body=names) as response:
            await turn.take()
            return await read_bounded(response, limit)

    def _is_right(self, body: bytes, key: BlobKey) -> bool:
        right = hashlib.sha256(body).hexdigest() == key.sha256
        self._counts.bad_peer_bytes += not right
        return right


def _companies(wants: Sequence[Want]) -> Iterator[list[Want]]:
    """Those with the same sources in the same order, at least two, as many as one answer holds."""
    by_sources: dict[tuple[str, ...], dict[BlobKey, Want]] = {}
    for want in wants:
        by_sources.setdefault(tuple(n.name for n in want.sources), {})[want.key] = want
    for alike in by_sources.values():
        for some in _portions(list(alike.values())):
            if len(some) > 1:
                yield some


def _portions(wants: Sequence[Want]) -> Iterator[list[Want]]:
    some: list[Want] = []
    size = 0
    for want in wants:
        if size + want.size > TOGETHER_BYTES:
            yield some
            some, size = [], 0
        some.append(want)
        size += want.size
    yield some
