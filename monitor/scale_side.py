"""Growth and scale-in, put together for the monitor's app: policy, provider, book and what is looked at.

The app owns bus, keys and clock and hands them down. Without a policy file nothing of it runs.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp

from atoll.bus import Bus
from atoll.cluster import ClusterMap
from atoll.join_book import JoinBook
from atoll.lifecycle import Tasks
from atoll.signing import Keys
from monitor.clock import Clock
from monitor.growth_watch import GrowthWatch
from monitor.lease import Lease
from monitor.monitor_bucket import MonitorBucket
from monitor.node_table import NodeRow
from monitor.provider_exec import ExecProvider
from monitor.provider_local import LocalProvider
from monitor.provider_webhook import WebhookProvider
from monitor.sample import Survey
from monitor.scale_book import ScaleBook
from monitor.scale_calls import ScaleCalls
from monitor.scale_facts import Facts, Settled, facts_of, node_facts, silent_sets
from monitor.scale_in_calls import LeaveCalls, QueryDoor
from monitor.scale_in_rules import Known
from monitor.scale_in_run import Leaver
from monitor.scale_instances import Instance
from monitor.scale_loads import LoadWatch, LongSince
from monitor.scale_plan import planned
from monitor.scale_policy import ScalePolicy, TriedPolicy, load_policy
from monitor.scale_providers import Provider
from monitor.scale_run import Scaler
from monitor.scale_view import ScaleView
from monitor.settings import MonitorSettings

TOKEN_GRACE_SECONDS = 60.0  # a token outlives the patience for its node a little


class ScaleSide:
    """`scaler` is None without a policy."""

    def __init__(
        self,
        settings: MonitorSettings,
        bus: Bus,
        keys: Keys,
        clock: Clock,
        rows: Callable[[], Sequence[NodeRow]],
        cluster: Callable[[], ClusterMap],
        growth: GrowthWatch,
        lease: Lease,
        door: QueryDoor,
    ) -> None:
        """`door`: to the query services that have nodes leave. `SettingsError` for a policy that is none."""
        self._settings, self._rows, self._cluster = settings, rows, cluster
        self._growth, self._clock = growth, clock
        self._http: aiohttp.ClientSession | None = None
        self.scaler: Scaler | None = None
        policy = load_policy(settings.scale_policy_file)
        self._loads, self._silent = LoadWatch(policy.region if policy else {}), LongSince()
        if policy is None:
            return
        domain, replicas = settings.nats_map_domain, settings.nats_replicas
        book = ScaleBook(MonitorBucket(bus, keys, domain=domain, replicas=replicas))
        self._joins = JoinBook(bus, keys, domain=domain, replicas=replicas)
        self._policy, provider = policy, self._provider(policy)
        self._settled = Settled(policy.settle_seconds)
        place = lambda region: cluster().region(region).position  # noqa: E731 - as short as it is
        calls = ScaleCalls(policy, provider, place, self._mapped, self._token, clock.now_ms)
        may_act = lambda: lease.leads and bus.connected and self._known()  # noqa: E731 - as short as it is
        self.scaler = Scaler(policy, book, calls, self._facts, may_act, clock)
        leave = LeaveCalls(policy, provider, place, door.opened, clock.now_ms)
        may_leave = lambda: lease.leads and bus.connected and not policy.dry_run  # noqa: E731 - as short
        self._leaver = Leaver(book, leave, may_leave)

    def _provider(self, policy: ScalePolicy) -> Provider:
        entry = policy.provider
        if entry.kind == "exec":
            return ExecProvider(entry)
        if entry.kind == "webhook":
            return WebhookProvider(entry, self._session)
        return LocalProvider(entry)

    def _mapped(self, name: str) -> bool:
        found = self._cluster().nodes.get(name)
        return found is not None and found.state != "removed"

    async def _token(self, one: Instance) -> str:
        seconds = self._policy.join_seconds + self._policy.provider.timeout_seconds + TOKEN_GRACE_SECONDS
        expires_at = self._clock.now_ms() + int(seconds * 1000)
        return await self._joins.invite(one.name, one.region, one.set, expires_at)

    def attempt(self, tried: TriedPolicy) -> ScaleView:
        """What this policy would decide now: of loads it knows only how they are at this moment."""
        policy = tried.policy()
        known = self.scaler.known if self.scaler is not None else Known((), ())
        facts, now = self._seen(LoadWatch(policy.region)), self._clock.now_ms()
        verdicts = planned(policy, facts, known, now).verdicts
        return ScaleView(False, True, dict(policy.region.items()), tuple(verdicts), ())

    def _facts(self) -> Facts:
        return self._seen(self._loads)

    def _seen(self, loads: LoadWatch) -> Facts:
        nodes, now = node_facts(self._rows()), self._clock.monotonic()
        busy, idle = loads.look(nodes, now)
        days = {
            view.name: view.foreseen
            for view in self._growth.view()
            if view.scope == "set" and math.isfinite(view.foreseen)
        }
        return facts_of(nodes, self._cluster(), days, busy, idle, self._silent.look(silent_sets(nodes), now))

    def _known(self) -> bool:
        heard = all(row.state != "unknown" for row in self._rows())
        return self._settled.look(frozenset(self._cluster().nodes), self._clock.monotonic(), heard=heard)

    def _session(self) -> aiohttp.ClientSession:
        assert self._http is not None, "providers are used while the side is open"
        return self._http

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The HTTP session of a webhook provider."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session:
            self._http = session
            yield

    def start(self, tasks: Tasks) -> None:
        """Grow, if there is a policy."""
        if self.scaler is not None:
            tasks.start("growth of the cluster", self.scaler.run(self._settings.scale_seconds))
            tasks.start("departures from the cluster", self._leaver.run(self._settings.scale_seconds))

    def survey(self) -> Survey:
        """How launches fare."""
        return self.scaler.survey() if self.scaler is not None else Survey((), frozenset())
