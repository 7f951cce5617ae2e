"""A whole cluster on one machine: engines, nodes, replicators, query services, monitor, as one context.

Owns the cluster's directory while it runs. Everything in it is a real process on a real port with its
own settings file; what dies is started again. Used by `atoll up`, `atoll demo` and the probes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from atoll.atomic_file import write_atomically
from atoll.lifecycle import Stop, Tasks
from atoll.local.cluster_plan import (
    BUCKET,
    ClusterPaths,
    DaemonPlan,
    Kind,
    Value,
    plan_daemons,
    settings_of,
    to_toml,
)
from atoll.local.engine_errors import EngineError, NotReadyError
from atoll.local.engines import EngineUrls, GivenUrls, LocalEngines
from atoll.local.full_disk import disk_errors
from atoll.local.guard import Guard
from atoll.local.machines import Machines
from atoll.local.port_claims import PortClaims
from atoll.local.ports import LOOPBACK, choose_ports
from atoll.local.process import ManagedProcess
from atoll.local.process_spec import ProcessSpec, child_environment
from atoll.local.secrets_dir import SecretsDir, new_secret, write_private
from atoll.signing import hash_api_key

_SUMMARY_SECONDS = 0.5
_BUCKET_SECONDS = 20.0
_KNOWN_SECONDS = 20.0


log = logging.getLogger(__name__)


class LocalCluster:
    """The cluster under `directory`, as an async context. `daemons` are its processes, by name.

    `extra`: settings by daemon kind or name, over the planned ones. `bucket`: made at the end, unless None.
    `known_ports`: listen where people look first (8400 and up); False: anywhere, so that several clusters
    stand side by side. `canaries`: the monitor flies them.
    """

    def __init__(
        self,
        directory: Path,
        *,
        extra: Mapping[str, Mapping[str, Value]] | None = None,
        given: GivenUrls | None = None,
        environ: Mapping[str, str] | None = None,
        bucket: str | None = BUCKET,
        known_ports: bool = True,
        canaries: bool = False,
    ) -> None:
        self.paths = ClusterPaths(directory)
        self.plans = plan_daemons(extra or {})
        queries = lambda: [self.url(name) for name in self.names("query_service")]  # noqa: E731 - short
        self._claims = PortClaims()
        settings = (extra or {}).get("storage_node", {})
        self._machines = Machines(self, self.paths, queries, settings, self._claims)
        self.ports: dict[str, int] = {}
        self.daemons: dict[str, ManagedProcess] = {}
        self._environ = environ or {}
        self._given = given
        self._bucket = bucket
        self._known_ports, self._canaries = known_ports, canaries
        self._stack = AsyncExitStack()

    def url(self, daemon: str) -> str:
        """Where a daemon listens."""
        return f"http://{LOOPBACK}:{self.ports[daemon]}"

    def names(self, kind: Kind) -> list[str]:
        """The daemons of a kind."""
        return [plan.name for plan in self.plans if plan.kind == kind]

    @property
    def admin_key(self) -> str:
        """The API key that may do everything."""
        return self.paths.admin_key.read_text().strip()

    @property
    def engines(self) -> LocalEngines:
        """The engines below."""
        return self._engines

    async def __aenter__(self) -> LocalCluster:
        async with AsyncExitStack() as stack:
            stack.enter_context(disk_errors(self.paths.root))
            guard = await stack.enter_async_context(Guard(self.paths.root))
            self._guard = guard
            self._session = await stack.enter_async_context(aiohttp.ClientSession())
            stack.enter_context(self._claims)
            self._choose_ports()
            self._make_secrets()
            self._engines = await stack.enter_async_context(
                LocalEngines(self.paths.root, given=self._given, environ=self._environ, guard=guard)
            )
            self._write_settings(self._engines.urls)
            for plan in self.plans:
                process = ManagedProcess(self._spec(plan), guard)
                self.daemons[plan.name] = process
                stack.push_async_callback(process.stop)
            await self._start_all()
            if self._bucket:
                await self._make_bucket(self._bucket)
            await asyncio.gather(*(self._nodes_known(name) for name in self.names("query_service")))
            await self._machines.resume()
            self._write_summary()
            tasks = await stack.enter_async_context(Tasks(Stop()))
            tasks.start("cluster.json", self._keep_summary())
            tasks.start("machines", self._machines.run())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Daemons first and together, then the engines they need."""
        await asyncio.gather(*(process.stop() for process in self.daemons.values()))
        await self._stack.aclose()
        self.paths.summary.unlink(missing_ok=True)

    async def add_daemon(self, plan: DaemonPlan, port: int, settings: Path) -> None:
        """Start one more daemon, with settings that are written already. Raises EngineError."""
        self.ports[plan.name] = port
        process = ManagedProcess(self._spec(plan, settings), self._guard)
        await process.start()
        self.daemons[plan.name] = process
        self.plans.append(plan)

    async def drop_daemon(self, name: str) -> None:
        """Stop a daemon that was added, if it is there."""
        if (process := self.daemons.pop(name, None)) is not None:
            await process.stop()
            self.plans = [plan for plan in self.plans if plan.name != name]

    def _choose_ports(self) -> None:
        wanted = {plan.name: plan.wanted_port if self._known_ports else None for plan in self.plans}
        self.ports = choose_ports(self.paths.root / "ports.json", wanted, self._claims, rng=random.Random())

    def _make_secrets(self) -> None:
        secrets = SecretsDir(self.paths.secrets)
        secrets.get("cluster-secret")
        if not self.paths.admin_key.exists():
            write_private(self.paths.admin_key, f"atoll_{new_secret()}\n")
        for part in (self.paths.config, self.paths.root / "state"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        scopes = '["read", "write", "delete", "admin"]'
        text = f'[[key]]\nid = "admin"\nsha256 = "{hash_api_key(self.admin_key)}"\nscopes = {scopes}\n'
        write_private(self.paths.config / "api_keys.toml", text)

    def _write_settings(self, urls: EngineUrls) -> None:
        write_private(self.paths.secrets / "mongodb.url", urls.mongodb + "\n")
        write_private(self.paths.secrets / "redis.url", urls.redis + "\n")
        nats_url = urls.nats if self._given and self._given.nats else _without_credentials(urls.nats)
        for plan in self.plans:
            settings = settings_of(plan, self.ports[plan.name], nats_url, self.paths)
            if plan.kind == "query_service":
                settings = {"monitor_urls": [self.url(name) for name in self.names("monitor")], **settings}
            if plan.kind == "monitor":
                settings = {"service_urls": self._service_urls(), **settings}
                settings |= self._canary_settings() if self._canaries else {}
            write_private(self.paths.settings(plan.name), to_toml(settings))

    def _service_urls(self) -> list[str]:
        return [self.url(name) for name in (*self.names("query_service"), *self.names("replicator"))]

    def _canary_settings(self) -> dict[str, Value]:
        return {"canary_urls": [self.url(name) for name in self.names("query_service")]}

    def _spec(self, plan: DaemonPlan, settings: Path | None = None) -> ProcessSpec:
        port = self.ports[plan.name]

        async def healthy() -> None:
            await self._check(f"http://{LOOPBACK}:{port}/health", plan.name)

        return ProcessSpec(
            name=plan.name,
            argv=(
                sys.executable,
                "-m",
                plan.kind,
                "--settings",
                str((settings or self.paths.settings(plan.name)).resolve()),
            ),
            env=child_environment(self._environ, self.paths.root.resolve()),
            cwd=self.paths.root.resolve(),
            health=healthy,
            log=self.paths.log(plan.name),
        )

    async def _check(self, url: str, name: str) -> None:
        """That this daemon answers there: another cluster's may have taken the port while ours was away."""
        try:
            async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=1.0)) as response:
                if response.status != 200:
                    raise NotReadyError(f"{url} answers {response.status}")
                if (other := (await response.json()).get("name")) != name:
                    raise NotReadyError(f"{url} is the port of another daemon, {other!r}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NotReadyError(f"{url} does not answer: {error!r}") from error

    async def _start_all(self) -> None:
        outcomes = await asyncio.gather(*(p.start() for p in self.daemons.values()), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _make_bucket(self, bucket: str) -> None:
        """Ask a query service for it, as an operator would; it may still be finding NATS."""
        url = f"{self.url(self.names('query_service')[0])}/v1/buckets/{bucket}"
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        deadline = asyncio.get_running_loop().time() + _BUCKET_SECONDS
        while True:
            async with self._session.put(url, json={"visibility": "public"}, headers=headers) as response:
                if response.status < 300:
                    return
                answer = await response.text()
            if response.status < 500 or asyncio.get_running_loop().time() > deadline:
                raise EngineError(f"the bucket {bucket!r} could not be made: {answer}")
            await asyncio.sleep(0.1)

    async def _nodes_known(self, query_service: str) -> None:
        """Up means usable: every query service has heard from every node."""
        url, headers = f"{self.url(query_service)}/v1/nodes", {"Authorization": f"Bearer {self.admin_key}"}
        deadline = asyncio.get_running_loop().time() + _KNOWN_SECONDS
        while True:
            async with self._session.get(url, headers=headers) as response:
                ready = [node["name"] for node in (await response.json())["nodes"] if node["ready"]]
            if len(ready) == len(self.names("storage_node")):
                return
            if asyncio.get_running_loop().time() > deadline:
                raise EngineError(f"{query_service} hears only of {ready} after {_KNOWN_SECONDS:.0f} s")
            await asyncio.sleep(0.05)

    @property
    def web_app(self) -> str:
        """Where a browser begins."""
        return f"{self.url(self.names('query_service')[0])}/app/"

    def summary(self) -> dict[str, object]:
        """What cluster.json says: where everything listens, process ids, where the admin key lies."""
        regions = {plan.name: plan.region.name for plan in self.plans}
        processes = [*self._engines.statuses(), *(p.status for p in self.daemons.values())]
        return {
            "query_services": [self.url(name) for name in self.names("query_service")],
            "monitor": self.url("monitor"),
            "web_app": self.web_app,
            "admin_key_file": str(self.paths.admin_key.resolve()),
            "nodes": {n: {"url": self.url(n), "region": regions[n]} for n in self.names("storage_node")},
            "endpoints": {name: self.url(name) for name in self.daemons},
            "pids": {status.name: status.pid for status in processes},
            "logs": str((self.paths.root / "logs").resolve()),
        }

    def _write_summary(self) -> None:
        body = json.dumps(self.summary(), indent=2) + "\n"
        write_atomically(self.paths.summary, body.encode())

    async def _keep_summary(self) -> None:
        """Process ids change when something is started again."""
        written = self.summary()
        while True:
            await asyncio.sleep(_SUMMARY_SECONDS)
            if (now := self.summary()) == written:
                continue
            try:
                await asyncio.to_thread(self._write_summary)
            except OSError as error:  # a full disk may have room again
                log.warning("cluster.json cannot be written now: %s", error)
            else:
                written = now


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
