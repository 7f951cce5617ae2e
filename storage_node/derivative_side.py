"""Everything about derivatives on a node, put together in order. Called by read_side.py, with its parts."""

from __future__ import annotations

from aiohttp import web

from atoll.bucket import Bucket, RenderPolicy
from atoll.cluster import ClusterMap
from atoll.lifecycle import Tasks
from atoll.names import Handle
from storage_node.blob_answer import Answers
from storage_node.delivery_access import DeliveryAccess
from storage_node.derivative import Derivative
from storage_node.derivative_background import Background
from storage_node.derivative_choice import Choice
from storage_node.derivative_delivery import DerivativeDelivery
from storage_node.derivative_hot import HotUrls
from storage_node.derivative_internal import InternalDerivatives
from storage_node.derivative_layers import LayerSearch
from storage_node.derivative_limits import own_limits
from storage_node.derivative_making import Made, Maker
from storage_node.derivative_memory import DerivativeMemory
from storage_node.derivative_metrics import DerivativeCollector, DerivativeMetrics
from storage_node.derivative_names import SavedAs
from storage_node.derivative_peers import Owners
from storage_node.derivative_rendering import Rendering
from storage_node.derivative_renders import Renders
from storage_node.derivative_request import DerivativeDoor
from storage_node.derivative_resolution import Wanted
from storage_node.derivative_sources import Sources
from storage_node.derivative_wire import Question
from storage_node.disk_calls import DiskReads
from storage_node.ground import Ground
from storage_node.hot_targets import HotTargets
from storage_node.internal_auth import InternalAuth
from storage_node.local_copies import LocalCopies
from storage_node.one_core import ANY
from storage_node.peers import Peers
from storage_node.pull import Puller
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadMetrics
from storage_node.renderer import Renderer
from storage_node.settings import NodeSettings
from storage_node.text_fonts import Fonts
from storage_node.worker_pool import PoolLimits

_NOTICED = 3  # an asker hears of us so many times within the silence it bears


class DerivativeSide:
    """What read_side.py does with it: requests, routes, background work, an end. `counts` is for tests."""

    def __init__(
        self,
        ground: Ground,
        access: DeliveryAccess,
        ram: RamCache,
        local: LocalCopies,
        peers: Peers,
        puller: Puller,
        answers: Answers,
        reads: ReadMetrics,
    ) -> None:
        settings, origin, limits = ground.settings, ground.origin, own_limits(ground.settings)
        self.counts = counts = DerivativeMetrics()
        current = ground.cluster.current
        self._cluster, self._said = ground.cluster, (dict(current.buckets), dict(current.signing))
        self._door = DerivativeDoor(origin.node, ground.keys, access, limits, origin.now_ms)
        self.targets = HotTargets(settings.ram_targets_bytes, self._door.accepts)
        ram.left = self.targets.entry_left
        self.rendering = Rendering(lambda: _renderer(settings, ground.fonts), settings.renderers)
        disk = DiskReads(ground.readers, ground.disk)
        writes = DiskReads(ground.writers, ground.disk)
        sources = Sources(ground.store, local, puller, writes)
        self._maker = self._build_maker(ground, sources, disk, writes)
        self._memory = memory = DerivativeMemory(ram)
        layers = LayerSearch(ground.index, peers, disk)
        self._background = Background(
            lambda wanted: self._maker.make(wanted, patient=True), settings.avif_queue, counts
        )
        self.delivery = DerivativeDelivery(
            self._door,
            Choice(sources, layers, settings.avif_inline_pixels),
            layers,
            memory,
            self._maker,
            self._background,
            HotUrls(self.targets),
            SavedAs(ground.index, disk),
            peers,
            answers,
            counts,
            reads,
            settings.derived_max_age_seconds,
        )
        alive = settings.owner_seconds / _NOTICED
        self._internal = InternalDerivatives(origin.set, memory, self._maker, limits, alive, counts)
        ground.registry.register(DerivativeCollector(counts, ground.derivatives))

    def _build_maker(self, ground: Ground, sources: Sources, disk: DiskReads, writes: DiskReads) -> Maker:
        settings, origin, store, counts = ground.settings, ground.origin, ground.derivatives, self.counts
        owners = Owners(
            origin,
            ground.cluster,
            ground.client,
            ground.peer_state,
            counts,
            settings.owner_seconds,
            settings.render_queue_seconds + 2 * settings.render_seconds,
            settings.owner_asks,
        )
        renders = Renders(settings, store, sources, self.rendering, self._policy, writes, counts)
        return Maker(origin.set, store, owners, renders, disk, writes, counts)

    def _policy(self, bucket: str) -> RenderPolicy:
        known: Bucket | None = self._cluster.current.buckets.get(bucket)
        return known.rendering if known else RenderPolicy()

    def add_routes(self, app: web.Application, auth: InternalAuth) -> None:
        """The internal API. Clients come through delivery.py."""
        self._internal.add_routes(app, auth)

    def cluster_changed(self, cluster: ClusterMap) -> None:
        """What URLs mean is said by buckets, who may ask by buckets and signing keys."""
        said = (dict(cluster.buckets), dict(cluster.signing))
        if said != self._said:
            self.targets.clear()
        self._said = said

    def start(self, tasks: Tasks) -> None:
        """Background work."""
        tasks.start("background derivatives", self._background.run())

    async def prepare(self, bucket: str, transformation: str, handle: Handle) -> None:
        """For the queue of eager derivatives (eager.py)."""
        await self.delivery.prepare(bucket, transformation, handle)

    async def rendition(self, bucket: str, transformation: str, handle: Handle) -> Made:
        """For work that stores what is made (jobs/apply_job.py)."""
        return await self.delivery.rendition(bucket, transformation, handle)

    async def made(self, question: Question) -> Made:
        """For a worker process of this node; all that `Maker.make` raises."""
        entry = self._memory.get(question.wanted)
        if entry is not None and entry.derivative is not None:
            return Made(entry.derivative, entry.body, "disk")  # the worker says `ram` of its own only
        return await self._maker.make(question.wanted, patient=question.patient)

    async def find(self, wanted: Wanted) -> Derivative | None:
        """The same of the facts alone: None when it is not kept here."""
        return await self._maker.find(wanted)

    async def close(self) -> None:
        """End what is under way, then the workers."""
        await self._maker.close()
        await self.rendering.close()


def _renderer(settings: NodeSettings, fonts: Fonts) -> Renderer:
    """Not started yet. It stages beside uploads: cleared at start, on the file system of what it makes."""
    pool = PoolLimits(
        workers=settings.renderers,
        waiting=settings.render_queue,
        queue_seconds=settings.render_queue_seconds,
        job_seconds=settings.render_seconds,
    )
    staging = settings.data_dir / "incoming"
    return Renderer(
        staging,
        pool,
        memory_bytes=settings.render_memory,
        fonts=fonts,
        any_core=settings.core != ANY,
        niceness=settings.render_niceness,
    )
