"""The uploads of a worker, put together: ticket, body, decoder and durable bytes here, the commit at home."""

from __future__ import annotations

from concurrent.futures import Executor

from storage_node.bucket_gate import BucketGate
from storage_node.data_uri_body import TextBodies
from storage_node.fresh_uploads import FreshUploads
from storage_node.ingest import Ingest
from storage_node.inspection import Inspector
from storage_node.ram_cache import RamCache
from storage_node.upload_door import UploadDoor
from storage_node.upload_intake import UploadIntake
from storage_node.uploads_api import UploadsApi
from storage_node.workers.at_home import HomeAcknowledger
from storage_node.workers.commits import HomeCommits
from storage_node.workers.premises import Premises


class WorkerUploads:
    """`door` looks at tickets, `api` has the routes. Peers get fresh uploads from home's disk."""

    def __init__(self, premises: Premises, inspector: Inspector, ram: RamCache, spoolers: Executor) -> None:
        settings, origin, cluster = premises.settings, premises.origin, premises.cluster
        commits = HomeCommits(premises.store, premises.index, premises.locks, premises.link, premises.cleaner)
        gate = BucketGate(origin, cluster, cluster.wait_for)
        self.door = UploadDoor(
            premises.keys, origin, cluster, settings.max_uploads, premises.registry, premises.board
        )
        intake = UploadIntake(
            premises.store,
            Ingest(premises.store, inspector, commits),
            premises.space,
            premises.writers,
            spoolers,
            premises.registry,
            FreshUploads(ram, budget=0),
            gate.heard_of,
        )
        acknowledger = HomeAcknowledger(settings.public_url, origin, cluster, premises.link)
        self.api = UploadsApi(settings, cluster, self.door, intake, acknowledger, TextBodies(spoolers))
