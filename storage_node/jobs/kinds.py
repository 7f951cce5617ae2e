"""Which kinds of work a node can do, and what they stand on. Called by app.py."""

from __future__ import annotations

from aiohttp import web

from atoll.lifecycle import Tasks
from storage_node.delivery_access import DeliveryAccess
from storage_node.derivative_sources import Sources
from storage_node.disk_calls import DiskReads
from storage_node.ground import Ground
from storage_node.inspection import Inspector
from storage_node.jobs.export_job import ExportJob
from storage_node.jobs.export_routes import ExportRoutes
from storage_node.jobs.handler import Handler
from storage_node.jobs.look_job import LookJob
from storage_node.jobs.render_job import RenderJob
from storage_node.read_side import ReadSide


class JobKinds:
    """All but fetching and applying, which stand on the uploads (fetch_job.py, apply_job.py)."""

    def __init__(self, ground: Ground, reads: ReadSide, inspector: Inspector) -> None:
        origin = ground.origin
        sources = Sources(ground.store, reads.local, reads.puller, DiskReads(ground.writers, ground.disk))
        files = reads.exports
        access = DeliveryAccess(origin.node, ground.keys, ground.cluster, origin.now_ms)
        self._routes = ExportRoutes(files, access, origin.now_ms)
        self.handlers: dict[str, Handler] = {
            "render": RenderJob(reads.derived.prepare),
            "look": LookJob(sources, inspector, ground.index, origin),
            "export": ExportJob(sources, files, ground.space, ground.writers, origin.node, origin.now_ms),
        }

    def add_routes(self, app: web.Application) -> None:
        """Downloads of exports."""
        self._routes.add_routes(app)

    def start(self, tasks: Tasks) -> None:
        """Sweep exports that have expired."""
        tasks.start("exports", self._routes.sweep())
