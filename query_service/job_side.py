"""The half of a query service that orders and watches jobs, put together. Called by app.py."""

from __future__ import annotations

from typing import NamedTuple

from atoll.bus import Bus
from atoll.delivery_keys import Ring
from atoll.ids import now_ms
from atoll.jobs import JobFile
from atoll.lifecycle import Tasks
from atoll.signing import Keys
from atoll.transformation.signature import sign
from query_service.cluster_view import Views
from query_service.data_side import DataSide, silence_of
from query_service.event_streams import EventStreams
from query_service.job_dispatch import JobDispatch
from query_service.job_events_api import JobEventsApi
from query_service.job_planner import JobPlanner, JobRules
from query_service.job_watch import JobWatch
from query_service.jobs_api import FoundJobs, JobsApi
from query_service.routing import Route
from query_service.settings import QuerySettings
from query_service.wishes import Wishes


class JobSide(NamedTuple):
    """`dispatch` is also for whoever makes a job of something else: a fetch, say."""

    dispatch: JobDispatch
    routes: list[Route]
    watch: JobWatch

    def start(self, tasks: Tasks) -> None:
        """Give up jobs of which nothing is heard, for ever."""
        tasks.start("silent jobs", self.watch.run())


def open_jobs(
    settings: QuerySettings,
    keys: Keys,
    ring: Ring,
    bus: Bus,
    data: DataSide,
    views: Views,
    streams: EventStreams,
) -> JobSide:
    """Nothing is connected to before it is used."""
    store = data.jobs
    dispatch = JobDispatch(
        bus, keys, store, data.hooks, views, settings.region, settings.nats_replicas, now_ms
    )
    rules = JobRules(settings.max_job_assets, settings.max_job_transformations, settings.export_bytes)
    planner = JobPlanner(data.catalog, views, Wishes(settings.grammar_limits), dispatch, rules, now_ms)
    found = FoundJobs(store)

    def url_of(file: JobFile) -> str:
        """Where a job's file lies, signed for as long as it is kept."""
        node = views.current().cluster.nodes.get(file.node)
        signed = sign(file.path, file.expires_at // 1000, ring().newest)
        return f"{node.url if node else ''}{file.path}?{signed}"

    return JobSide(
        dispatch,
        [
            *JobsApi(store, found, planner, dispatch, url_of, settings.max_json_bytes).routes(),
            *JobEventsApi(store, found, url_of, streams).routes(),
        ],
        JobWatch(store, dispatch, silence_of(settings), now_ms),
    )
