"""A worker's derivatives: URLs are understood and checked here, answered from memory; home makes them."""

from __future__ import annotations

from atoll.cluster import ClusterMap
from storage_node.blob_answer import Answers
from storage_node.delivery_access import DeliveryAccess
from storage_node.derivative_background import Background
from storage_node.derivative_choice import Choice
from storage_node.derivative_delivery import DerivativeDelivery
from storage_node.derivative_hot import HotUrls
from storage_node.derivative_layers import LayerSearch
from storage_node.derivative_limits import own_limits
from storage_node.derivative_memory import DerivativeMemory
from storage_node.derivative_metrics import DerivativeMetrics, ServedDerivatives
from storage_node.derivative_names import SavedAs
from storage_node.derivative_request import DerivativeDoor
from storage_node.derivative_sources import Sources
from storage_node.disk_calls import DiskReads
from storage_node.hot_targets import HotTargets
from storage_node.local_copies import LocalCopies
from storage_node.peers import Peers
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadMetrics
from storage_node.workers.at_home import HomeMaker, HomePuller
from storage_node.workers.premises import Premises


class WorkerDerivatives:
    """`targets` are for the hot path; `background` orders what may wait."""

    def __init__(
        self,
        premises: Premises,
        access: DeliveryAccess,
        ram: RamCache,
        local: LocalCopies,
        peers: Peers,
        answers: Answers,
        reads: ReadMetrics,
        disk: DiskReads,
    ) -> None:
        settings, origin, cluster = premises.settings, premises.origin, premises.cluster
        self.counts = counts = DerivativeMetrics()
        self._said = (dict(cluster.current.buckets), dict(cluster.current.signing))
        limits = own_limits(settings)
        door = DerivativeDoor(origin.node, premises.keys, access, limits, origin.now_ms)
        self.targets = HotTargets(settings.ram_targets_bytes, door.accepts)
        ram.left = self.targets.entry_left
        writes = DiskReads(premises.writers, premises.board)
        sources = Sources(premises.store, local, HomePuller(), writes)
        layers = LayerSearch(premises.index, peers, disk)
        maker = HomeMaker(premises.link)
        self.background = Background(maker.order, settings.avif_queue, counts)
        self.delivery = DerivativeDelivery(
            door,
            Choice(sources, layers, settings.avif_inline_pixels),
            layers,
            DerivativeMemory(ram),
            maker,
            self.background,
            HotUrls(self.targets),
            SavedAs(premises.index, disk),
            peers,
            answers,
            counts,
            reads,
            settings.derived_max_age_seconds,
        )
        premises.registry.register(ServedDerivatives(counts))

    def cluster_changed(self, cluster: ClusterMap) -> None:
        """See `DerivativeSide.cluster_changed`."""
        said = (dict(cluster.buckets), dict(cluster.signing))
        if said != self._said:
            self.targets.clear()
        self._said = said
