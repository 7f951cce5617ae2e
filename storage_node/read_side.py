"""The reading half of a storage node, put together in order.

Called by app.py, which owns what is passed in and closes it after `close`: index, executors, client.
"""

from __future__ import annotations

import asyncio
import random
import time

from aiohttp import web

from atoll.client_address import ClientAddress
from atoll.cluster import ClusterMap
from atoll.hedging import Hedger
from atoll.http import Handler
from atoll.lifecycle import Tasks
from storage_node.asset_edits import AssetEdits
from storage_node.blob_answer import Answers
from storage_node.bucket_gate import BucketGate
from storage_node.bucket_routes import BucketRoutes
from storage_node.deletes import Deletes
from storage_node.delivery import Delivery
from storage_node.delivery_access import DeliveryAccess
from storage_node.derivative_side import DerivativeSide
from storage_node.derivative_upkeep import DerivativeTroubles, DerivativeUpkeep
from storage_node.digests import Digests
from storage_node.disk_calls import DiskReads
from storage_node.disk_trash import DiskTrash
from storage_node.fetch import Fetcher
from storage_node.fetch_together import FetchTogether
from storage_node.fresh_uploads import FreshUploads
from storage_node.ground import Ground
from storage_node.home_redirect import HomeRedirect
from storage_node.hot_path import hot_path
from storage_node.hot_times import HotTimes
from storage_node.internal_api import InternalApi
from storage_node.internal_auth import InternalAuth
from storage_node.internal_blobs import InternalBlobs
from storage_node.internal_together import InternalTogether
from storage_node.jobs.export_files import ExportFiles
from storage_node.jobs.export_removal import ExportRemoval
from storage_node.journal_upkeep import JournalUpkeep
from storage_node.keep import Keeper
from storage_node.keep_together import KeepTogether
from storage_node.local_copies import LocalCopies
from storage_node.membership import Membership
from storage_node.misses import Misses
from storage_node.offload_side import OffloadSide
from storage_node.orders import PullOrders
from storage_node.peers import Peers
from storage_node.proofs import Proofs
from storage_node.pull import Puller
from storage_node.quarantine import Quarantine
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadCollector, ReadMetrics
from storage_node.rebuild import Rebuilder
from storage_node.reclaim import Reclaimer
from storage_node.record_search import RecordSearch
from storage_node.removals import Removals
from storage_node.repair import Repairer
from storage_node.repair_routes import RepairRoutes
from storage_node.restores import Restores
from storage_node.salvage import Salvage
from storage_node.store import BlobKey

_EXPIRY_SECONDS = 1.0


class ReadSide:
    """What app.py does with it: routes, the hot path, background work, an end.

    `counts`, `ram` and `times` are there for heartbeats and tests.
    """

    def __init__(self, ground: Ground, rng: random.Random) -> None:
        self._index, self._writers, self._space = ground.index, ground.writers, ground.space
        self.counts = counts = ReadMetrics()
        self.ram = RamCache(ground.settings.ram_cache_bytes, ground.settings.ram_cache_max_blob_bytes)
        self.fresh = FreshUploads(self.ram)
        self.times = HotTimes(ground.registry)
        self.hedger = Hedger()
        self.peers = Peers(
            ground.origin,
            ground.cluster,
            ground.client,
            counts,
            ground.settings.peer_read_seconds,
            self.hedger,
            ground.peer_state,
        )
        self.derivatives = ground.derivatives
        self.membership = ground.membership or Membership(ground.origin.node)
        reads = DiskReads(ground.readers, ground.disk)
        trash = DiskTrash(ground.settings.data_dir, ground.store)
        self.reclaimer = Reclaimer(trash, ground.index, ground.locks)
        salvage = self._build_pulls(ground, reads, rng)
        self._build_removals(ground, trash, rng)
        self._build_routes(ground, salvage, rng)
        self._policies: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.cluster_changed(ground.cluster.current)

    def _build_pulls(self, ground: Ground, reads: DiskReads, rng: random.Random) -> Salvage:
        """Bytes from peers, and what becomes of bad copies."""
        settings, origin, counts = ground.settings, ground.origin, self.counts
        store, index, writers = ground.store, ground.index, ground.writers
        collector = ReadCollector(counts, self.ram, self.hedger, ground.registry)
        self._quarantine = Quarantine(
            store,
            index,
            ground.locks,
            origin,
            self.ram,
            counts,
            writers,
            rng,
            self._needs_repair,
            self.derivatives,
            ground.memories,
        )
        self._records = RecordSearch(index, self.peers, reads)
        fetcher = Fetcher(self.peers, store, writers, counts, settings.max_upload_bytes, ground.disk)
        salvage = Salvage(origin.node, fetcher, index, store, self.peers, reads, writers, counts)
        self.puller = Puller(
            origin=origin,
            peers=self.peers,
            fetcher=salvage,
            together=FetchTogether(self.peers, counts),
            keeper=KeepTogether(Keeper(store, index, ground.locks), writers),
            reclaimer=self.reclaimer,
            records=self._records,
            misses=Misses(time.monotonic),
            counts=counts,
            seconds=collector.pull_seconds,
            writers=writers,
            max_pulls=settings.max_pulls,
            space=ground.space,
            ram=self.ram,
        )
        self.repairer = Repairer(index, origin, self.puller, counts, writers, rng)
        self.local = LocalCopies(index, store, self.ram, self.peers, self._quarantine, reads)
        self.orders = PullOrders(
            origin,
            index,
            store,
            self.peers,
            self.puller,
            self.reclaimer,
            self._quarantine,
            writers,
            ground.space,
        )
        return salvage

    def _build_removals(self, ground: Ground, trash: DiskTrash, rng: random.Random) -> None:
        """What deletes take away, and what a lost index finds again."""
        settings, origin = ground.settings, ground.origin
        store, index, writers = ground.store, ground.index, ground.writers
        self.rebuilder = Rebuilder(
            index,
            store,
            self.reclaimer,
            ground.locks,
            origin,
            writers,
            rng,
            self.membership,
            settings.stream_max_age_hours * 3_600_000,
        )
        self.exports = ExportFiles(settings.data_dir, settings.exports_bytes)
        self._export_removal = ExportRemoval(self.exports, index, origin)
        self.removals = Removals(
            store,
            trash,
            index,
            ground.locks,
            origin,
            self.ram,
            writers,
            self.membership,
            self.derivatives,
            self._export_removal,
            ground.memories,
        )
        self._upkeep = DerivativeUpkeep(
            self.derivatives, index.needs, lambda: ground.space.shortfall, ground.disk, writers
        )
        DerivativeTroubles(self.derivatives, ground.registry)
        self.deletes = Deletes(index, origin, self.removals, writers, settings.trash_seconds)
        self.edits = AssetEdits(index, origin, ground.cluster, self.removals, writers, settings.trash_seconds)

    def _build_routes(self, ground: Ground, salvage: Salvage, rng: random.Random) -> None:
        """Who is answered, and with what."""
        origin, index, counts = ground.origin, ground.index, self.counts
        answers = Answers(counts)
        settings = ground.settings
        addresses = ClientAddress(settings.trusted_proxies, settings.client_address_header)
        access = DeliveryAccess(origin.node, ground.keys, ground.cluster, origin.now_ms, addresses.of)
        self.derived = DerivativeSide(
            ground, access, self.ram, self.local, self.peers, self.puller, answers, counts
        )
        transformed = self.derived.delivery.handle
        home = HomeRedirect(origin, ground.cluster, self.peers)
        self._offload = OffloadSide(
            ground, addresses, lambda: len(self._quarantine.unmoved), lambda: self.membership.removed
        )
        self._delivery = Delivery(
            origin.set,
            access,
            self.ram,
            self.local,
            self.peers,
            self.puller,
            answers,
            counts,
            transformed,
            home,
            self._offload.hand_over,
        )
        blobs = InternalBlobs(
            origin.set, self.ram, self.local, salvage, self.rebuilder, answers, counts.to_peers, self.fresh
        )
        together = InternalTogether(origin.set, blobs, self.local, counts.to_peers)
        self._internal = InternalApi(
            origin, index, self.orders, self.deletes, blobs, together, ground.readers, rng
        )
        gate = BucketGate(origin, ground.cluster)
        self._bucket_routes = BucketRoutes(origin, index, gate, self.deletes, self._export_removal)
        self.digests = Digests(index, origin.node)
        self.restores = Restores(index, origin, self.reclaimer, self.peers, ground.client, ground.writers)
        self._repair_routes = RepairRoutes(
            origin,
            index,
            self.digests,
            self.restores,
            Proofs(index, ground.store, origin, self._quarantine, ground.readers),
            ground.readers,
        )
        self.auth = InternalAuth(origin.node, ground.keys, origin.now_ms, ground.disk)

    def add_routes(self, app: web.Application) -> None:
        """The internal API, and the catch-all that serves blobs. Other routes may come before or after:
        aiohttp matches fixed paths first."""
        self._internal.add_routes(app, self.auth)
        self._repair_routes.add_routes(app, self.auth)
        self.edits.add_routes(app, self.auth)
        self._bucket_routes.add_routes(app, self.auth)
        self.derived.add_routes(app, self.auth)
        app.router.add_route("*", "/{path:.*}", self._delivery.handle)

    def front(self, inner: Handler) -> Handler:
        """The application's handler with the hot path in front of it (`atoll.http.serve(front=…)`)."""
        derived = self.derived.counts.ram
        return hot_path(inner, self.ram, self.derived.targets, self.counts, derived, self.times)

    def cluster_changed(self, cluster: ClusterMap) -> None:
        """A listener for the cluster map: what is in memory was let in under the old policies."""
        self.membership.cluster_changed(cluster)
        if self.membership.removed:
            self.ram.clear()  # the hot path answers from there before anybody asks about membership
        policies: dict[str, tuple[str, tuple[str, ...]]] = {
            b.name: (b.visibility, b.home_regions) for b in cluster.buckets.values()
        }
        if any(policies.get(name) != known for name, known in self._policies.items()):
            self.ram.clear()
        self._policies = policies
        self.derived.cluster_changed(cluster)
        self._offload.cluster_changed(cluster)

    def start(self, tasks: Tasks) -> None:
        """Background work: repairs, removals that wait or are due, entries of other sets that expire."""
        tasks.start("repairs", self.repairer.run())
        tasks.start("removals", self.removals.run())
        tasks.start("derivatives", self._upkeep.run())
        self.derived.start(tasks)
        self._offload.start(tasks)
        tasks.start("rebuild", self.rebuilder.run())
        if self._index.journal is not None:
            upkeep = JournalUpkeep(
                self._index, self._index.journal, self._writers, has_room=self._space.has_room
            )
            tasks.start("journal", upkeep.run())
        tasks.start("RAM expiry", self._expire())

    async def close(self) -> None:
        """End what is under way; before the executors and the index are closed, after the HTTP server."""
        await self.derived.close()
        await self.puller.close()
        await self._records.close()
        await self.local.close()
        await self._quarantine.close()

    def _needs_repair(self, key: BlobKey) -> None:
        self.repairer.add(key)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRY_SECONDS)
            self.ram.expire(time.monotonic())
