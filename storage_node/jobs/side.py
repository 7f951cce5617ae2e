"""The node's processor, put together: kinds of work by name. Called by app.py, which runs it."""

from __future__ import annotations

import random
from collections.abc import Mapping

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.job_stream import put_back
from atoll.jobs import Task
from atoll.lifecycle import Tasks
from atoll.parking import ParkingPlace
from storage_node.ground import Ground
from storage_node.jobs.attempt import Attempts, Rules
from storage_node.jobs.handler import Handler
from storage_node.jobs.processor import Cancels, Processor
from storage_node.jobs.reports import Reports
from storage_node.membership import Membership

DURABLE = "jobs"  # parked tasks lie under this name


class JobSide:
    """`handlers`: what this node can do, by kind of work."""

    def __init__(
        self,
        ground: Ground,
        bus: Bus,
        cluster: LiveClusterMap,
        membership: Membership,
        handlers: Mapping[str, Handler],
        rng: random.Random,
    ) -> None:
        settings, cancels = ground.settings, Cancels()
        self._bus, self._cluster, self._keys = bus, cluster, ground.keys
        parking = ParkingPlace(bus, cluster, settings.region, DURABLE)
        attempts = Attempts(
            handlers,
            Reports(ground.index, ground.origin),
            parking,
            self._put_back,
            Rules(settings.job_tries, settings.job_retry_seconds, settings.job_seconds),
            rng.random,
            cancels.__contains__,
        )
        self.processor = Processor(
            bus,
            ground.keys,
            cluster,
            ground.origin,
            attempts,
            cancels,
            parking,
            membership,
            settings.job_workers,
            settings.nats_replicas,
        )

    async def _put_back(self, task: Task, delivered: int) -> None:
        await put_back(self._bus, self._cluster.current.region(task.region), task, self._keys, delivered)

    def start(self, tasks: Tasks) -> None:
        """Take tasks from the queue, for ever."""
        tasks.start("jobs", self.processor.run())
