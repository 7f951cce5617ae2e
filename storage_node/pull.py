"""Blobs from peers: to keep, or to pass on. Owns the bound on pulls and the one flight per blob.

Whoever wants the same blob at the same time shares one pull – orders (orders.py), readers, repairs. At
most `max_pulls` run at once, and orders and repairs leave a quarter of them to readers. What belongs to
this node's set and has a record is kept, durably (keep.py); what is another set's, or has no record yet,
or finds no room, is passed on verified and thrown away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import Histogram

from atoll.errors import AtollError, NoSpace, NotFound, UpstreamFailed
from atoll.model import AssetRecord, Node
from atoll.names import Handle
from storage_node.blob_address import BlobAddress
from storage_node.fetch import Fetched
from storage_node.fetch_together import Ahead, Coming, FetchTogether, Want
from storage_node.flights import Flights
from storage_node.index import HeldBlob
from storage_node.keep_together import KeepTogether
from storage_node.misses import Misses
from storage_node.origin import Origin
from storage_node.peers import Peers
from storage_node.pull_outcome import Commit, Kept, as_repair, as_replica
from storage_node.pull_places import PullPlaces
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadMetrics
from storage_node.reclaim import Reclaimer
from storage_node.record_search import RecordSearch
from storage_node.salvage import Salvage
from storage_node.space import SpaceGuard
from storage_node.store import StoreFailed

_FLIGHTS = 1024

_When = tuple[BlobAddress, int]  # the second is how many drops memory had seen


def address_of(record: AssetRecord) -> BlobAddress:
    """Where a record's bytes are found."""
    return BlobAddress(record.bucket, Handle(record.set, record.blob.sha256, record.blob.ext))


class Puller:
    """See the module. `seconds` measures the pulls that were kept."""

    def __init__(
        self,
        *,
        origin: Origin,
        peers: Peers,
        fetcher: Salvage,
        together: FetchTogether,
        keeper: KeepTogether,
        reclaimer: Reclaimer,
        records: RecordSearch,
        misses: Misses,
        counts: ReadMetrics,
        seconds: Histogram,
        writers: Executor,
        max_pulls: int,
        space: SpaceGuard,
        ram: RamCache,
    ) -> None:
        self._origin, self._peers, self._keeper = origin, peers, keeper
        self._fetcher, self._together = fetcher, together
        self._reclaimer = reclaimer
        self._records, self._misses, self._space, self._ram = records, misses, space, ram
        self._counts, self._seconds, self._writers = counts, seconds, writers
        self._kept: Flights[_When, Kept | None] = Flights("pulls", _FLIGHTS)
        self._passed: Flights[_When, Fetched] = Flights("pulls", _FLIGHTS, self._discard)
        self._places = PullPlaces(max_pulls)

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._kept.close()
        await self._passed.close()
        await self._together.close()

    def fetch_ahead(self, wanted: Sequence[tuple[AssetRecord, Sequence[Node]]]) -> Coming:
        """Begin to fetch what these are about to `pull`, as far as it goes together."""
        new = [
            (record, sources) for record, sources in wanted if self._now(address_of(record)) not in self._kept
        ]
        return self._together.begin([Want(address_of(r).key, r.blob.size, sources) for r, sources in new])

    async def pull(
        self, record: AssetRecord, sources: Sequence[Node], ahead: Ahead | None = None
    ) -> Kept | None:
        """Hold the bytes of a record that came from elsewhere, after a look whether they lie here.

        `ahead`: they are being fetched already, perhaps in vain. None when a tombstone forbids it. `NotFound`
        when every source lacks them, `UpstreamFailed`, `NoSpace`, `StoreFailed`.
        """
        commit = as_replica(record, self._origin)._replace(looked=True)
        return await self._in_background(record, sources, commit, ahead)

    async def repair(self, record: AssetRecord) -> Kept | None:
        """Replace the copy of a record that this node has. None when it was deleted meanwhile."""
        return await self._in_background(
            record, self._peers.of_set(record.set), as_repair(record, self._origin)
        )

    @asynccontextmanager
    async def through(self, address: BlobAddress, *, keep: bool) -> AsyncIterator[Kept | Fetched]:
        """A blob that a reader wants and that is not here; a `Fetched` is there while the context lasts.

        `NotFound` when nobody has it, `UpstreamFailed` when some peer could not say. `keep=False` leaves
        this node's own copy alone.
        """
        self._misses.check(address)
        try:
            async with AsyncExitStack() as stack:
                pulled: Kept | Fetched | None = None
                unread: StoreFailed | None = None
                if keep and address.handle.set == self._origin.set:
                    try:
                        pulled = await self._keep_if_recorded(address)
                    except StoreFailed as error:
                        unread = error
                if pulled is None:
                    pulled = await stack.enter_async_context(self._passed_on(address, unread))
                yield pulled
        except (NotFound, UpstreamFailed) as error:
            self._misses.remember(address, error)
            raise

    @asynccontextmanager
    async def _passed_on(self, address: BlobAddress, unread: StoreFailed | None) -> AsyncIterator[Fetched]:
        """`unread`: whether there is a record this node's disk does not say. Then nobody may be told that the
        blob does not exist, but a peer that has it may give it."""
        async with AsyncExitStack() as stack:
            try:
                fetched = await stack.enter_async_context(
                    self._passed.join(self._now(address), lambda: self._pass_on(address))
                )
            except NotFound:
                if unread is not None:
                    raise unread from None
                raise
            yield fetched

    async def _keep_if_recorded(self, address: BlobAddress) -> Kept | None:
        """None: it cannot be kept here. `NotFound` when it was deleted, `StoreFailed` when the records cannot
        be read."""
        found = await self._records.find(address)
        if found is None or self._space.read_only:
            return None
        record = found.record
        commit = as_repair(record, self._origin) if found.own else as_replica(record, self._origin)
        sources = self._peers.of_set(record.set)
        try:
            kept = await self._kept.run(self._now(address), lambda: self._keep(record, sources, commit))
        except (NoSpace, StoreFailed):
            return None  # a disk that takes nothing is no reason to show nothing
        except NotFound as error:  # it exists, for it has a record
            raise UpstreamFailed("No good copy of this image can be reached now.", retry_after=1) from error
        if kept is None:
            raise NotFound("This image was deleted.")
        return kept

    def _now(self, address: BlobAddress) -> _When:
        """Who comes after a delete shares nothing from before it: memory would take what that gives."""
        return address, self._ram.drops

    async def _in_background(
        self, record: AssetRecord, sources: Sequence[Node], commit: Commit, ahead: Ahead | None = None
    ) -> Kept | None:
        async def work() -> Kept | None:
            async with self._places.background:
                return await self._keep(record, sources, commit, ahead)

        return await self._kept.run(self._now(address_of(record)), work)

    async def _keep(
        self, record: AssetRecord, sources: Sequence[Node], commit: Commit, ahead: Ahead | None = None
    ) -> Kept | None:
        begun = time.monotonic()
        async with self._places.all:
            try:
                if not commit.looked and (mine := await self._mine(record, commit)) is not None:
                    return mine
                fetched = await ahead if ahead is not None else None
                if fetched is None:
                    fetched = await self._fetcher.fetch(address_of(record).key, record.blob.size, sources)
                kept = await self._durable(fetched, commit)
            except AtollError:
                self._counts.pulls_failed += 1
                raise
        self._seconds.observe(time.monotonic() - begun)
        self._counts.pulls_stored += kept
        if not kept:
            return None
        now = self._origin.now_ms()
        held = HeldBlob(record.blob, fetched.chunk_digests, now, now)
        return Kept(held, fetched.body, fetched.source, commit.recorded)

    async def _mine(self, record: AssetRecord, commit: Commit) -> Kept | None:
        """The blob, if it lay here all the time: in the trash, or not indexed."""
        loop = asyncio.get_running_loop()
        held = await loop.run_in_executor(self._writers, self._reclaimer.keep, record, commit.operation)
        return Kept(held, None, self._origin.node, commit.recorded) if held else None

    async def _durable(self, fetched: Fetched, commit: Commit) -> bool:
        return await self._keeper.keep(fetched, commit.operation(fetched.chunk_digests))

    async def _pass_on(self, address: BlobAddress) -> Fetched:
        async with self._places.for_a_reader():
            return await self._fetcher.fetch(address.key, None, self._peers.of_set(address.handle.set))

    async def _discard(self, fetched: Fetched) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writers, fetched.discard)
