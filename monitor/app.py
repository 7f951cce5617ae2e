"""The monitor's wiring: everything is constructed here, in order, and unwound in reverse."""

from __future__ import annotations

import logging
import random
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from atoll.api_keys import ApiKeys, load_api_keys
from atoll.bus import Bus
from atoll.client.async_client import AsyncClient
from atoll.cluster_map import LiveClusterMap
from atoll.http import serve
from atoll.ids import new_id
from atoll.lifecycle import Stop, Tasks
from atoll.metrics import metrics_handler, new_registry
from atoll.settings import read_secret
from atoll.signing import Keys
from monitor.alert_side import AlertSide
from monitor.canary import Canary, CanaryPlan
from monitor.canary_access import CanaryAccess
from monitor.canary_board import CanaryBoard
from monitor.canary_history import CanaryHistory
from monitor.clock import SystemClock
from monitor.cluster_survey import cluster_survey, unheard
from monitor.condition_book import ConditionBook
from monitor.deadman import STALE_SECONDS
from monitor.engine_watch import EngineWatch
from monitor.exposition import MonitorCollector
from monitor.growth_history import GrowthHistory
from monitor.growth_watch import GrowthWatch
from monitor.health import Health, Source
from monitor.hearing import Hearing
from monitor.heartbeats import HeartbeatListener
from monitor.http_api import MonitorApi, make_app
from monitor.node_table import NodeTable
from monitor.picture_api import PictureApi
from monitor.rules import with_limits
from monitor.scale_api import ScaleApi
from monitor.scale_side import ScaleSide
from monitor.service_watch import ServiceWatch
from monitor.settings import MonitorSettings
from monitor.watch import Watch

log = logging.getLogger(__name__)


class Senses(NamedTuple):
    """What the monitor perceives the cluster with."""

    heartbeats: HeartbeatListener
    hearing: Hearing
    growth: GrowthWatch
    engines: EngineWatch
    services: ServiceWatch
    canaries: CanaryBoard

    def sources(self) -> tuple[Source, ...]:
        """What each of them has found, as the rules are asked."""
        return (self.engines.survey, self.services.survey, self.canaries.survey, self.growth.survey)

    def work(self, settings: MonitorSettings) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Their tasks, by name."""
        yield "heartbeats", self.heartbeats.run()
        yield "hearing", self.hearing.run()
        yield "growth", self.growth.run()
        yield "engines", self.engines.run(settings.engine_seconds)
        yield "services", self.services.run(settings.engine_seconds)


async def run(settings: MonitorSettings, stop: Stop) -> None:
    """Run until `stop`. Raises `SettingsError` for secrets that cannot be used, before anything is opened."""
    keys = Keys(read_secret(settings.cluster_secret_file))
    api_keys = load_api_keys(settings.api_keys_file)
    clock = SystemClock()

    bus = Bus(settings)
    cluster_map = await _cluster_map(settings, bus, keys, api_keys)

    table = NodeTable(clock)
    hearing = Hearing(bus, clock, table.listen_anew)
    hears = lambda: hearing.hears  # noqa: E731 - as short as it is
    watch = Watch(hears, cluster_map, table)
    alerts = AlertSide(settings, bus, keys, clock, hears)

    flights = CanaryHistory(settings.state_dir)
    flights.load()
    seconds, expected = settings.canary_round_seconds, bool(settings.canary_urls)
    canaries = CanaryBoard(clock, flights, seconds=seconds, expected=expected)
    history = GrowthHistory(settings.state_dir)
    history.load()
    growth = GrowthWatch(watch.rows, history, clock, settings.forecast_sample_seconds)
    engines = EngineWatch(bus, hears, lambda: cluster_map.current, clock.now_ms)
    services = ServiceWatch(settings.service_urls, clock.now_ms)
    heartbeats = HeartbeatListener(bus, keys, table, clock)
    senses = Senses(heartbeats, hearing, growth, engines, services, canaries)
    current = lambda: cluster_map.current  # noqa: E731 - as short as it is
    scale = ScaleSide(settings, bus, keys, clock, watch.rows, current, growth, alerts.lease)
    nodes = lambda: cluster_survey(watch.rows(), cluster_map.current)  # noqa: E731 - as short as it is
    health = _health(settings, (nodes, *senses.sources(), scale.survey), watch, alerts, clock)

    registry = new_registry("monitor", settings.name, settings.region)
    leads = lambda: alerts.lease.leads  # noqa: E731 - as short as it is
    registry.register(MonitorCollector(watch, cluster_map, heartbeats, health, alerts.desk.posts, leads))
    registry.register(canaries)
    api = MonitorApi(settings.name, watch, cluster_map, heartbeats, hears, clock, canaries, health, growth)
    metrics = metrics_handler(registry, settings.metrics_allow)
    app = make_app(api, alerts.api(api_keys, lambda: health.book.standing), api_keys, metrics)
    PictureApi(api_keys, watch.rows, history, canaries, health.measure).add_routes(app.router)
    ScaleApi(api_keys, scale.scaler).add_routes(app.router)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(bus.opened())
        await stack.enter_async_context(scale.opened())
        await stack.enter_async_context(alerts.opened())
        tasks = await stack.enter_async_context(Tasks(stop))
        alerts.start(tasks, lambda: clock.monotonic() - health.looked_at < STALE_SECONDS)
        for name, work in senses.work(settings):
            tasks.start(name, work)
        tasks.start("cluster map", cluster_map.run())
        tasks.start("health", health.run(settings.evaluate_seconds))
        scale.start(tasks)
        if settings.canary_urls:
            tasks.start("canaries", _canary(settings, cluster_map, canaries, flights, clock).run())
        await stack.enter_async_context(
            serve(app, settings.listen_host, settings.listen_port, drain_seconds=settings.drain_seconds)
        )
        log.info("monitor listens on %s:%d", settings.listen_host, settings.listen_port)
        await stop.wait()
    log.info("monitor ended")


async def _cluster_map(settings: MonitorSettings, bus: Bus, keys: Keys, api_keys: ApiKeys) -> LiveClusterMap:
    """From its last-known-good copy; the keys in it are known at once."""
    domain, replicas = settings.nats_map_domain, settings.nats_replicas
    cluster_map = LiveClusterMap(bus, keys, settings.state_dir, domain=domain, replicas=replicas)
    cluster_map.on_change(lambda now: api_keys.share(now.keys.values()))
    await cluster_map.load()
    api_keys.share(cluster_map.current.keys.values())
    return cluster_map


def _health(
    settings: MonitorSettings,
    sources: Sequence[Source],
    watch: Watch,
    alerts: AlertSide,
    clock: SystemClock,
) -> Health:
    rules = with_limits(settings.limits)
    book = ConditionBook(rules, settings.damping, clock, new_id, alerts.remembered.standing)
    everything = (*sources, alerts.orders.survey, alerts.desk.survey)
    return Health(everything, lambda: unheard(watch.rows()), book, clock, alerts.desk.look)


def _canary(
    settings: MonitorSettings,
    cluster: LiveClusterMap,
    board: CanaryBoard,
    flights: CanaryHistory,
    clock: SystemClock,
) -> Canary:
    given, bucket = settings.canary_key_file, settings.canary_bucket
    own_key = None if given is None else read_secret(given).decode()

    def client(region: str, key: str) -> AsyncClient:
        return AsyncClient(
            settings.canary_urls, key, region=region or None, patience=settings.canary_patience_seconds
        )

    access = CanaryAccess(cluster, bucket, settings.name, settings.state_dir, clock, own_key)
    plan = CanaryPlan(settings.name, bucket, settings.canary_seconds, settings.canary_patience_seconds)
    return Canary(plan, lambda: cluster.current, access, client, board, flights, clock, random.Random())
