"""A node's processor under test: real nodes, real NATS, and the hands that fill its work queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import nats
from nats.js import JetStreamContext
from node_fixture import BUCKET, DEADLINE, SET, NodeProcess, picture

from atoll import events, jobs
from atoll.bucket import Bucket
from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.daemon_settings import DaemonSettings
from atoll.events import JobTask, event_headers, open_event
from atoll.ids import new_id, now_ms
from atoll.jobs import JobItem, RenderWork, Task, TaskOutcome, Work
from atoll.lifecycle import Stop, Tasks

RENDER = ("c_fill,h_10,w_10",)


@dataclass
class JobStage:
    """One region's queue, and what its nodes say of it. `node` has the keys."""

    node: NodeProcess
    js: JetStreamContext
    client: Any

    @property
    def region(self) -> str:
        return self.node.region

    async def put(self, work: Work, *, job: str | None = None, number: int = 0) -> Task:
        """A task, as a query service queues it."""
        task = jobs.new_task(job or new_id(), number, self.region, SET, now_ms(), work)
        body = jobs.task_body(task)
        headers = event_headers(task.id, task.subject, body, self.node.keys)
        await self.js.publish(task.subject, body, headers=headers)
        return task

    async def outcomes(self, job: str) -> list[tuple[JobTask, TaskOutcome]]:
        """All that was said of a job's tasks, in order."""
        stream = events.stream_of(self.region)
        state = (await self.js.stream_info(stream)).state
        found = []
        for number in range(max(1, state.first_seq), state.last_seq + 1):
            try:
                message = await self.js.get_msg(stream, number)
            except nats.js.errors.NotFoundError:
                continue
            if ".job.task." not in (message.subject or ""):
                continue
            event = open_event(message.subject or "", message.data or b"", message.headers, self.node.keys)
            if isinstance(event, JobTask) and event.outcome.job == job:
                found.append((event, event.outcome))
        return found

    async def ended(self, job: str, tasks: int = 1) -> list[TaskOutcome]:
        """The final words, once so many tasks have one."""

        async def final() -> list[TaskOutcome]:
            said = [outcome for _, outcome in await self.outcomes(job) if outcome.final]
            return said if len({outcome.number for outcome in said}) >= tasks else []

        return await self.until(final, f"{tasks} tasks of {job} end")

    async def waiting(self) -> int:
        """Tasks in the queue, those under way included."""
        return (await self.js.stream_info(jobs.stream_of(self.region))).state.messages

    async def under_way(self) -> int:
        """Tasks that a node has taken and not ended."""
        found = await self.js.consumer_info(jobs.stream_of(self.region), f"jobs-{SET}")
        return found.num_ack_pending or 0

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = 90.0) -> Any:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not (found := await condition()):
            assert loop.time() < end, f"not in time: {what}\n{self.node.log[-3000:]}"
            await asyncio.sleep(0.05)
        return found

    def store(self, size: tuple[int, int] = (48, 32)) -> JobItem:
        """An image on the node."""
        answer = self.node.put(picture(size=size))
        assert answer.status == 201, answer
        said = answer.json
        return JobItem(said["asset_id"], said["public_id"], said["handle"], said["bytes"])


def render(items: Sequence[JobItem], transformations: tuple[str, ...] = RENDER) -> RenderWork:
    return RenderWork(BUCKET, tuple(items), transformations)


async def connect(node: NodeProcess) -> JobStage:
    """When the node has made its queue."""
    client = await nats.connect(node.nats_url)
    stage = JobStage(node, client.jetstream(), client)

    async def there() -> bool:
        try:
            await stage.js.consumer_info(jobs.stream_of(node.region), f"jobs-{SET}")
        except nats.js.errors.NotFoundError:
            return False
        return True

    await stage.until(there, "the node reads its queue", DEADLINE)
    return stage


def bus_address(node: NodeProcess) -> tuple[str, str | None]:
    """NATS without its credentials, and the user."""
    parts = urlsplit(node.nats_url)
    return f"nats://{parts.hostname}:{parts.port}", parts.username


async def make_bucket(node: NodeProcess, **policy: Any) -> None:
    """The bucket of the tests, in the cluster map as the node knows it; `policy` beside its name."""
    async with cluster_map(node) as cluster:
        await cluster.put(Bucket(BUCKET, unsigned_transformations=True, **policy))


@asynccontextmanager
async def cluster_map(node: NodeProcess) -> AsyncIterator[LiveClusterMap]:
    """The map of a node's cluster, as somebody else has it who may write it."""
    settings = DaemonSettings(
        name="stage",
        region=node.region,
        listen_port=1,
        cluster_secret_file=node.directory / "cluster-secret",
        state_dir=node.directory / "stage",
        nats_url=bus_address(node)[0],
        nats_user=bus_address(node)[1],
        nats_password_file=node.directory / "nats-password",
    )
    async with Bus(settings).opened() as bus:
        await asyncio.wait_for(bus.wait_connected(), DEADLINE)
        cluster = LiveClusterMap(bus, node.keys, settings.state_dir, domain=None, replicas=1)
        async with Tasks(Stop()) as tasks:
            tasks.start("map", cluster.run())
            await cluster.wait_for(lambda m: node.region in m.regions)
            yield cluster
