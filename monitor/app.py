"""The monitor's wiring: everything is constructed here, in order, and unwound in reverse."""

from __future__ import annotations

import logging
import random
from contextlib import AsyncExitStack

from atoll.api_keys import ApiKeys, load_api_keys
from atoll.bus import Bus
from atoll.client.async_client import AsyncClient
from atoll.cluster_map import LiveClusterMap
from atoll.hearing import Hearing
from atoll.http import serve
from atoll.ids import new_id
from atoll.lifecycle import Stop, Tasks
from atoll.loop_meter import LoopMeter
from atoll.metrics import new_registry
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
from monitor.ground import Ground, Sight
from monitor.health import Health
from monitor.node_table import NodeTable
from monitor.pages import Parts, pages_of, register
from monitor.rules import with_limits
from monitor.scale_in_calls import QueryDoor, scale_key
from monitor.scale_side import ScaleSide
from monitor.senses import Senses, senses_of
from monitor.service_watch import ServiceWatch
from monitor.settings import MonitorSettings
from monitor.watch import Watch

log = logging.getLogger(__name__)

DOOR_SECONDS = 5.0  # how long one step of a node that leaves waits for a query service


async def run(settings: MonitorSettings, stop: Stop) -> None:
    """Run until `stop`. Raises `SettingsError` for secrets that cannot be used, before anything is opened."""
    ground = await _lay_ground(settings)
    sight = _sight(ground)
    alerts = AlertSide(settings, ground.bus, ground.keys, ground.clock, sight.hears)
    senses = senses_of(ground, sight, alerts)
    scale = _scale(ground, sight, alerts, senses)
    health = _health(ground, sight, alerts, senses, scale)
    parts = Parts(ground, sight, alerts, senses, scale, health)
    registry = new_registry("monitor", settings.name, settings.region)
    register(registry, parts)
    app = pages_of(parts, registry)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(ground.bus.opened())
        await stack.enter_async_context(scale.opened())
        await stack.enter_async_context(alerts.opened())
        tasks = await stack.enter_async_context(Tasks(stop))
        tasks.start("loop meter", LoopMeter(registry).run())
        _start(tasks, parts)
        await stack.enter_async_context(
            serve(app, settings.listen_host, settings.listen_port, drain_seconds=settings.drain_seconds)
        )
        log.info("monitor listens on %s:%d", settings.listen_host, settings.listen_port)
        await stop.wait()
    log.info("monitor ended")


async def _lay_ground(settings: MonitorSettings) -> Ground:
    keys = Keys(read_secret(settings.cluster_secret_file))
    api_keys = load_api_keys(settings.api_keys_file)
    bus = Bus(settings)
    cluster_map = await _cluster_map(settings, bus, keys, api_keys)
    return Ground(settings, keys, api_keys, SystemClock(), bus, cluster_map)


def _sight(ground: Ground) -> Sight:
    table = NodeTable(ground.clock)
    hearing = Hearing(ground.bus, ground.clock.monotonic, table.listen_anew)
    return Sight(table, hearing, Watch(lambda: hearing.hears, ground.cluster, table))


def _scale(ground: Ground, sight: Sight, alerts: AlertSide, senses: Senses) -> ScaleSide:
    settings, clock, rows = ground.settings, ground.clock, sight.watch.rows
    door = _door(settings, ground.cluster, senses.services, clock)
    return ScaleSide(
        settings, ground.bus, ground.keys, clock, rows, ground.current, senses.growth, alerts.lease, door
    )


def _health(ground: Ground, sight: Sight, alerts: AlertSide, senses: Senses, scale: ScaleSide) -> Health:
    settings, clock, rows = ground.settings, ground.clock, sight.watch.rows
    book = ConditionBook(
        with_limits(settings.limits), settings.damping, clock, new_id, alerts.remembered.standing
    )
    nodes = lambda: cluster_survey(rows(), ground.cluster.current)  # noqa: E731 - as short as it is
    sources = (nodes, *senses.sources(), scale.survey, alerts.orders.survey, alerts.desk.survey)
    return Health(sources, lambda: unheard(rows()), book, clock, alerts.desk.look)


def _start(tasks: Tasks, parts: Parts) -> None:
    ground, sight, alerts, senses, scale, health = parts
    settings, clock = ground.settings, ground.clock
    alerts.start(tasks, lambda: clock.monotonic() - health.looked_at < STALE_SECONDS)
    tasks.start("hearing", sight.hearing.run())
    for name, work in senses.work(settings):
        tasks.start(name, work)
    tasks.start("cluster map", ground.cluster.run())
    tasks.start("health", health.run(settings.evaluate_seconds))
    scale.start(tasks)
    if settings.canary_urls:
        canary = _canary(settings, ground.cluster, senses.canaries, senses.flights, clock)
        tasks.start("canaries", canary.run())


async def _cluster_map(settings: MonitorSettings, bus: Bus, keys: Keys, api_keys: ApiKeys) -> LiveClusterMap:
    """From its last-known-good copy; the keys in it are known at once."""
    domain, replicas = settings.nats_map_domain, settings.nats_replicas
    cluster_map = LiveClusterMap(bus, keys, settings.state_dir, domain=domain, replicas=replicas)
    cluster_map.on_change(lambda now: api_keys.share(now.keys.values()))
    await cluster_map.load()
    api_keys.share(cluster_map.current.keys.values())
    return cluster_map


def _door(
    settings: MonitorSettings, cluster: LiveClusterMap, services: ServiceWatch, clock: SystemClock
) -> QueryDoor:
    """To the query services that have nodes leave."""
    key = scale_key(settings.name, settings.state_dir, cluster, clock)
    return QueryDoor(
        services.query_urls, key, lambda urls, secret: AsyncClient(urls, secret, patience=DOOR_SECONDS)
    )


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
