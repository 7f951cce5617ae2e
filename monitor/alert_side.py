"""Everything between what stands and who is told, put together for the monitor's app.

The app owns bus, keys and clock and hands them down; sessions for HTTP are opened by `opened`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp

from atoll.backoff import Backoff
from atoll.bus import Bus
from atoll.ids import new_id
from atoll.lifecycle import Tasks
from atoll.settings import read_secret
from atoll.signing import Keys
from monitor.alert_api import AlertApi
from monitor.alert_desk import AlertDesk
from monitor.alert_history import AlertHistory
from monitor.alert_memory import AlertMemory
from monitor.alert_post import AlertPost
from monitor.apprise_channel import AppriseChannel
from monitor.channels import Channel, ChannelEntry, load_channels
from monitor.clock import Clock
from monitor.condition_book import Condition
from monitor.deadman import DeadMansSwitch
from monitor.door import Door
from monitor.lease import Lease
from monitor.monitor_bucket import MonitorBucket
from monitor.nats_channel import NatsChannel
from monitor.settings import MonitorSettings
from monitor.shared_orders import SharedOrders
from monitor.told import Wants
from monitor.webhook_channel import WebhookChannel

RETRY_FIRST_SECONDS, RETRY_CAP_SECONDS = 0.5, 60.0
NATS_CAP_SECONDS = 5.0


class AlertSide:
    """`desk` takes what stands; `lease` says who leads; `orders` what people have ordered.

    `bucket`: what monitors share.
    """

    def __init__(
        self, settings: MonitorSettings, bus: Bus, keys: Keys, clock: Clock, hears: Callable[[], bool]
    ) -> None:
        """`hears`: see atoll/hearing.py. Raises `SettingsError` for channels that cannot be used."""
        self._settings, self._bus, self._keys, self._clock = settings, bus, keys, clock
        self._http: aiohttp.ClientSession | None = None
        self.memory = AlertMemory(settings.state_dir)
        self.remembered = self.memory.load()
        self.history = AlertHistory(settings.state_dir)
        self.history.load()
        self.bucket = bucket = MonitorBucket(
            bus, keys, domain=settings.nats_map_domain, replicas=settings.nats_replicas
        )
        self.orders = SharedOrders(settings.name, bucket, hears, clock)
        self.lease = Lease(settings.name, bucket, hears, clock, lambda: self.desk.take_over())
        self.desk = AlertDesk(
            settings.name,
            self._posts(load_channels(settings.alert_channels_file)),
            self.memory,
            self.history,
            bucket,
            lambda: self.orders.current,
            lambda: self.lease.leads,
            clock,
            self.remembered,
        )
        url_file = settings.deadman_url_file
        self._deadman_url = read_secret(url_file, min_bytes=8).decode() if url_file else None

    def _posts(self, entries: Sequence[ChannelEntry]) -> list[AlertPost]:
        nats = NatsChannel(self._bus, self._keys)
        backoff = Backoff(RETRY_FIRST_SECONDS, NATS_CAP_SECONDS)
        posts = [AlertPost("nats", "nats", nats, Wants(), self._clock, backoff, 0.0)]
        for entry in entries:
            backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_CAP_SECONDS)
            channel, group = self._channel(entry), self._settings.alert_group_seconds
            posts.append(AlertPost(entry.name, entry.kind, channel, entry.wants, self._clock, backoff, group))
        return posts

    def _channel(self, entry: ChannelEntry) -> Channel:
        if entry.kind == "webhook":
            return WebhookChannel(entry.url, entry.secret, self._session)
        return AppriseChannel(entry.name, entry.url)

    def _session(self) -> aiohttp.ClientSession:
        assert self._http is not None, "channels are used while the side is open"
        return self._http

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The HTTP session of webhooks and the dead-man's switch."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session:
            self._http = session
            yield

    def start(self, tasks: Tasks, alive: Callable[[], bool]) -> None:
        """Run what sends and what leads. `alive`: whether the cluster has just been looked at."""
        tasks.start("lease", self.lease.run())
        tasks.start("orders", self.orders.run())
        for post in self.desk.posts:
            tasks.start(f"alerts to {post.name}", self.desk.run(post))
        if self._deadman_url is not None:
            switch = DeadMansSwitch(
                self._deadman_url.strip(), lambda: self.lease.leads and alive(), self._session
            )
            tasks.start("dead-man's switch", switch.run(self._settings.deadman_seconds))

    def api(self, door: Door, standing: Callable[[], Sequence[Condition]]) -> AlertApi:
        """Its routes."""
        return AlertApi(
            door, standing, self.orders, self.history, self.desk.posts, self.lease, self._clock, new_id
        )
