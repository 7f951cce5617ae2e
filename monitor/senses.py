"""What the monitor perceives the cluster with, put together for its app: heartbeats, growth, engines …

The app owns bus, keys and clock and hands them down (ground.py). Nothing is started here: `work` gives the
tasks.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any, NamedTuple, TypeVar

from monitor.alert_side import AlertSide
from monitor.canary_board import CanaryBoard
from monitor.canary_history import CanaryHistory
from monitor.engine_watch import EngineWatch
from monitor.ground import Ground, Sight
from monitor.growth_history import GrowthHistory
from monitor.growth_share import GrowthShare
from monitor.growth_watch import GrowthWatch
from monitor.health import Source
from monitor.heartbeats import HeartbeatListener
from monitor.service_watch import ServiceWatch
from monitor.settings import MonitorSettings

Kept = TypeVar("Kept", CanaryHistory, GrowthHistory)


class Senses(NamedTuple):
    """Each of them by name; `flights` and `history` are what two of them remember."""

    heartbeats: HeartbeatListener
    growth: GrowthWatch
    share: GrowthShare
    engines: EngineWatch
    services: ServiceWatch
    canaries: CanaryBoard
    flights: CanaryHistory
    history: GrowthHistory

    def sources(self) -> tuple[Source, ...]:
        """What each of them has found, as the rules are asked."""
        return (self.engines.survey, self.services.survey, self.canaries.survey, self.growth.survey)

    def work(self, settings: MonitorSettings) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Their tasks, by name."""
        yield "heartbeats", self.heartbeats.run()
        yield "growth", self.growth.run()
        yield "shared growth", self.share.run()
        yield "engines", self.engines.run(settings.engine_seconds)
        yield "services", self.services.run(settings.engine_seconds)


def senses_of(ground: Ground, sight: Sight, alerts: AlertSide) -> Senses:
    """Made, and what they remember read from the disk."""
    settings, clock = ground.settings, ground.clock
    flights = _loaded(CanaryHistory(settings.state_dir))
    history = _loaded(GrowthHistory(settings.state_dir))
    growth = GrowthWatch(sight.watch.rows, history, clock, settings.forecast_sample_seconds)
    return Senses(
        HeartbeatListener(ground.bus, ground.keys, sight.table, clock),
        growth,
        GrowthShare(alerts.bucket, history, lambda: alerts.lease.leads, growth.anew, clock),
        EngineWatch(ground.bus, sight.hears, ground.current, clock.now_ms),
        ServiceWatch(settings.service_urls, clock.now_ms),
        CanaryBoard(
            clock, flights, seconds=settings.canary_round_seconds, expected=bool(settings.canary_urls)
        ),
        flights,
        history,
    )


def _loaded(history: Kept) -> Kept:
    """As it was kept on disk."""
    history.load()
    return history
