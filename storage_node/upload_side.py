"""Everything about uploads on a node, put together: their routes, and the derivatives made after them.

Called by app.py, which owns the threads and runs `eager` and `tus.sweep`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from atoll.cluster_map import LiveClusterMap
from storage_node.bucket_gate import BucketGate
from storage_node.commits import OwnCommits
from storage_node.data_uri_body import TextBodies
from storage_node.durability import Confirmer
from storage_node.eager import EagerCollector, EagerQueue, Render
from storage_node.eager_orders import EagerOrders
from storage_node.fresh_uploads import FreshUploads
from storage_node.ground import Ground
from storage_node.ingest import Ingest
from storage_node.inspection import Inspector
from storage_node.jobs.uploads import BackgroundUploads
from storage_node.placing import Placer
from storage_node.tus_side import TusSide
from storage_node.upload_answer import Acknowledger
from storage_node.upload_door import UploadDoor
from storage_node.upload_intake import UploadIntake
from storage_node.uploads_api import UploadsApi


class UploadSide:
    """`prepare` makes one derivative; `load` says how busy the node is; `spoolers` write what comes.

    `stored` is told of uploads that workers acknowledge.
    """

    def __init__(
        self,
        ground: Ground,
        cluster: LiveClusterMap,
        inspector: Inspector,
        spoolers: Executor,
        fresh: FreshUploads,
        prepare: Render,
        load: Callable[[], float],
        deleted: Callable[[], None],
    ) -> None:
        settings, registry = ground.settings, ground.registry
        self.eager = EagerQueue(prepare, settings.eager_queue, load, asyncio.sleep)
        EagerCollector(self.eager, registry)
        orders = EagerOrders(self.eager, cluster)
        self.gate = gate = BucketGate(ground.origin, cluster, cluster.wait_for)
        placer = Placer(ground.store, ground.index, ground.locks)
        ingest = Ingest(ground.store, inspector, OwnCommits(placer, ground.origin, gate))
        self.intake = intake = UploadIntake(
            ground.store,
            ingest,
            ground.space,
            ground.writers,
            spoolers,
            registry,
            fresh,
            gate.heard_of,
            deleted,
        )
        self.stored = orders.stored
        confirmer = Confirmer(ground.origin, cluster, ground.client, settings.durability_seconds)
        self.acknowledger = acknowledger = Acknowledger(
            settings.public_url,
            ground.origin,
            cluster,
            confirmer,
            orders.stored,
            BackgroundUploads(ground.index, ground.origin, cluster),
        )
        self.door = UploadDoor(
            ground.keys, ground.origin, cluster, settings.max_uploads, registry, ground.board
        )
        self.api = UploadsApi(settings, cluster, self.door, intake, acknowledger, TextBodies(spoolers))
        self.tus = TusSide(ground, cluster, self.door, intake, acknowledger, spoolers)
