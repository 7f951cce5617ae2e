"""What the monitor answers over HTTP, put together for its app: views, pictures, alerts, growth, metrics."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry

from atoll.metrics import metrics_handler
from monitor.alert_side import AlertSide
from monitor.door import Door
from monitor.exposition import MonitorCollector
from monitor.ground import Ground, Sight
from monitor.health import Health
from monitor.http_api import MonitorApi, make_app
from monitor.picture_api import PictureApi
from monitor.relay_api import RelayApi
from monitor.scale_api import ScaleApi
from monitor.scale_side import ScaleSide
from monitor.senses import Senses


class Parts(NamedTuple):
    """What is shown."""

    ground: Ground
    sight: Sight
    alerts: AlertSide
    senses: Senses
    scale: ScaleSide
    health: Health


def register(registry: CollectorRegistry, parts: Parts) -> None:
    """The figures of all of it."""
    ground, sight, alerts, senses, _, health = parts
    leads = lambda: alerts.lease.leads  # noqa: E731 - as short as it is
    posts = alerts.desk.posts
    registry.register(MonitorCollector(sight.watch, ground.cluster, senses.heartbeats, health, posts, leads))
    registry.register(senses.canaries)


def pages_of(parts: Parts, registry: CollectorRegistry) -> web.Application:
    """Every route."""
    ground, sight, alerts, senses, scale, health = parts
    settings, door = ground.settings, Door(ground.api_keys)
    api = MonitorApi(
        settings.name,
        sight.watch,
        ground.cluster,
        senses.heartbeats,
        sight.hears,
        ground.clock,
        senses.canaries,
        health,
        senses.growth,
    )
    alert_api = alerts.api(door, lambda: health.book.standing)
    app = make_app(api, alert_api, door, metrics_handler(registry, settings.metrics_allow))
    pictures = PictureApi(door, sight.watch.rows, senses.history, senses.canaries, health.measure)
    pictures.add_routes(app.router)
    ScaleApi(door, scale.scaler, scale.attempt).add_routes(app.router)
    RelayApi(
        settings.name,
        ground.keys,
        ground.clock,
        alert_api,
        alerts.lease,
        senses.canaries,
        health.view,
        senses.growth.view,
        senses.services.survey,
    ).add_routes(app.router)
    return app
