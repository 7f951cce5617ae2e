"""A whole cluster whose daemons can be killed at a phase of their work, or have a wrong clock: see rig.py."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import DaemonPlan, Value
from atoll.local.engine_errors import EngineError
from atoll.local.process_spec import ProcessSpec
from probe.rig import LAUNCHER, Rig
from probe.story import Story, eventually

BACK_WITHIN = 30.0  # seconds: the supervisor starts what died
RESTART_WITHIN = 0.2  # seconds: one that dies story after story would wait longer and longer by itself


class RiggedCluster(LocalCluster):
    """The same daemons with the same settings, started by rigged_daemon.py."""

    def _spec(self, plan: DaemonPlan) -> ProcessSpec:
        spec = super()._spec(plan)
        python, _, kind, *rest = spec.argv
        return replace(spec, argv=(python, LAUNCHER, kind, *rest), restart_within=RESTART_WITHIN)

    def rig(self, daemon: str) -> Rig:
        """Where a daemon's orders lie."""
        return Rig(self.paths.settings(daemon))


class RiggedStory(Story):
    """A story in which daemons die at a phase."""

    def __init__(self, cluster: RiggedCluster, session: aiohttp.ClientSession) -> None:
        super().__init__(cluster, session)
        self.rigged = cluster
        self.queries = [cluster.url(name) for name in cluster.names("query_service")]

    @asynccontextmanager
    async def dies(self, daemon: str, phase: str) -> AsyncIterator[None]:
        """In here, or because of it, the daemon comes to the phase and dies; afterwards it is back."""
        rig, process = self.rigged.rig(daemon), self.cluster.daemons[daemon]
        restarts = process.status.restarts
        with rig.dies(phase):
            yield

            async def died() -> bool:
                return not rig.order.exists()

            async def back() -> bool:
                return process.status.restarts > restarts and process.status.ready

            await eventually(died, f"{daemon} never came to {phase!r}")
            await eventually(back, f"{daemon} does not come back", BACK_WITHIN)

    async def starts_and_dies(self, daemon: str, phase: str) -> None:
        """A stopped daemon comes to the phase after its start, at once or later; afterwards it is up."""
        rig, process = self.rigged.rig(daemon), self.cluster.daemons[daemon]
        restarts, seen_alive = process.status.restarts, False
        with rig.dies(phase):
            with contextlib.suppress(EngineError):  # it died before it was seen to live
                await process.start()
                seen_alive = True

            async def died() -> bool:
                return not rig.order.exists()

            async def back() -> bool:
                return process.status.restarts > restarts and process.status.ready

            await eventually(died, f"{daemon} never came to {phase!r}")
        if seen_alive:  # then its supervisor starts it again
            await eventually(back, f"{daemon} does not come back", BACK_WITHIN)
        else:
            await process.start()


@asynccontextmanager
async def rigged_story(
    directory: Path, extra: Mapping[str, Mapping[str, Value]], *, canaries: bool = False
) -> AsyncIterator[RiggedStory]:
    """A running one."""
    environ = dict(os.environ)
    cluster = RiggedCluster(directory, environ=environ, extra=extra, known_ports=False, canaries=canaries)
    async with cluster, aiohttp.ClientSession() as session:
        yield RiggedStory(cluster, session)


unanswered = contextlib.suppress(aiohttp.ClientError)  # what a client sees of a daemon that dies
