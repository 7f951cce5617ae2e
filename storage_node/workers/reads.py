"""The reads of a worker, put together: memory, then the disk, verified as ever; home for everything else."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from atoll.client_address import ClientAddress
from atoll.cluster import ClusterMap
from atoll.hedging import Hedger
from atoll.http import Handler
from storage_node.blob_answer import Answers
from storage_node.delivery import Delivery
from storage_node.delivery_access import DeliveryAccess
from storage_node.disk_calls import DiskReads
from storage_node.hand_over import HandOver
from storage_node.home_redirect import HomeRedirect
from storage_node.hot_path import hot_path
from storage_node.hot_times import HotTimes
from storage_node.local_copies import LocalCopies
from storage_node.peers import Peers
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadCollector, ReadMetrics
from storage_node.workers.at_home import HomePuller, HomeQuarantine
from storage_node.workers.connection import GoHome
from storage_node.workers.derivatives import WorkerDerivatives
from storage_node.workers.premises import Premises

_EXPIRY_SECONDS = 1.0
_CLOSED = ("/internal/", "/health", "/metrics", "/v1/")


class WorkerReads:
    """What app.py does with it: a route, the hot path, news, an end."""

    def __init__(self, premises: Premises) -> None:
        settings, origin, cluster = premises.settings, premises.origin, premises.cluster
        self.counts = counts = ReadMetrics()
        self.ram = ram = RamCache(settings.ram_cache_bytes, settings.ram_cache_max_blob_bytes)
        hedger, answers = Hedger(), Answers(counts)
        peers = Peers(origin, cluster, premises.client, counts, settings.peer_read_seconds, hedger)
        reads = DiskReads(premises.readers, premises.board)
        quarantine = HomeQuarantine(premises.link)
        self.local = LocalCopies(premises.index, premises.store, ram, peers, quarantine, reads)
        addresses = ClientAddress(settings.trusted_proxies, settings.client_address_header)
        access = DeliveryAccess(origin.node, premises.keys, cluster, origin.now_ms, addresses.of)
        self.derived = WorkerDerivatives(premises, access, ram, self.local, peers, answers, counts, reads)
        self._delivery = Delivery(
            origin.set,
            access,
            ram,
            self.local,
            peers,
            HomePuller(),
            answers,
            counts,
            self.derived.delivery.handle,
            HomeRedirect(origin, cluster, peers),
            HandOver(settings.accel_redirect_prefix, origin.set, addresses),
        )
        self._times = HotTimes(premises.registry)
        ReadCollector(counts, ram, hedger, premises.registry)
        self._membership = premises.membership
        self._policies: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.cluster_changed(cluster.current)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The catch-all handler."""
        if request.path.startswith(_CLOSED):  # behind an upload, on its connection: see connection.py
            raise GoHome
        return await self._delivery.handle(request)

    def front(self, inner: Handler) -> Handler:
        """See `ReadSide.front`."""
        return hot_path(
            inner, self.ram, self.derived.targets, self.counts, self.derived.counts.ram, self._times
        )

    def cluster_changed(self, cluster: ClusterMap) -> None:
        """See `ReadSide.cluster_changed`."""
        self._membership.cluster_changed(cluster)
        policies: dict[str, tuple[str, tuple[str, ...]]] = {
            b.name: (b.visibility, b.home_regions) for b in cluster.buckets.values()
        }
        changed = any(policies.get(name) != known for name, known in self._policies.items())
        if changed or self._membership.removed:
            self.ram.clear()
        self._policies = policies
        self.derived.cluster_changed(cluster)

    async def expire(self) -> None:
        """Forget entries of other sets when it is time, for ever."""
        while True:
            await asyncio.sleep(_EXPIRY_SECONDS)
            self.ram.expire(time.monotonic())

    async def close(self) -> None:
        """End what is under way."""
        await self.local.close()
