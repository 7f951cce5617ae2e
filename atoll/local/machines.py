"""Nodes that join a running local cluster: each with its replicator, by token, as on a machine of its own.

Carries out what the monitor's provider `local` orders (monitor/provider_local.py): the last order about a
node is `NAME.order.json` in the directory of launches, and the answer is put beside it. A name is started
once. What was started is started again with the cluster. Called by `cluster`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from atoll.atomic_file import write_atomically
from atoll.client.joining import NewNode, use_token, write_files
from atoll.errors import AtollError
from atoll.launches import FiledAnswer, LaunchAnswer, LaunchOrder
from atoll.local.cluster_plan import LOCAL_RESERVE, ClusterPaths, DaemonPlan, RegionPlan, Value
from atoll.local.port_claims import PortClaims
from atoll.local.ports import LOOPBACK, choose_ports

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
KEPT_ORDER = "order.json"


class Host(Protocol):
    """What the cluster does for a machine."""

    async def add_daemon(self, plan: DaemonPlan, port: int, settings: Path) -> None: ...

    async def drop_daemon(self, name: str) -> None: ...


class Machines:
    """`extra`: settings of every storage node beyond the planned ones; `queries`: where tokens are used.

    `claims`: those of the cluster, for the ports of what is started here.
    """

    def __init__(
        self,
        host: Host,
        paths: ClusterPaths,
        queries: Callable[[], list[str]],
        extra: Mapping[str, Value],
        claims: PortClaims,
    ) -> None:
        self._host, self._paths, self._queries, self._extra = host, paths, queries, extra
        self._claims = claims
        self._running: set[str] = set()

    async def resume(self) -> None:
        """Start again what was started before."""
        await asyncio.gather(*(self._start(order) for order in self._kept()))

    def _kept(self) -> Iterator[LaunchOrder]:
        for file in sorted(self._paths.machines.glob(f"*/{KEPT_ORDER}")):
            yield msgspec.json.decode(file.read_bytes(), type=LaunchOrder)

    async def run(self) -> None:
        """Carry out orders, for ever."""
        while True:
            waiting = [order for order in self._orders() if not self._answered(order)]
            await asyncio.gather(*(self._carry_out(order) for order in waiting))
            await asyncio.sleep(POLL_SECONDS)

    def _orders(self) -> Iterator[LaunchOrder]:
        for file in sorted(self._paths.launches.glob("*.order.json")):
            yield msgspec.json.decode(file.read_bytes(), type=LaunchOrder)

    def _answer_file(self, name: str) -> Path:
        return self._paths.launches / f"{name}.answer.json"

    def _answered(self, order: LaunchOrder) -> bool:
        try:
            last = msgspec.json.decode(self._answer_file(order.name).read_bytes(), type=FiledAnswer)
        except FileNotFoundError:
            return False
        return (last.action, last.attempt) == (order.action, order.attempt)

    async def _carry_out(self, order: LaunchOrder) -> None:
        acts = {"launch": self._launch, "status": self._status, "end": self._end}
        try:
            answer = await acts[order.action](order)
        except AtollError as error:
            log.warning("%s: %s", order.name, error.detail)
            answer = LaunchAnswer("failed", detail=error.detail[:1000])
        filed = FiledAnswer(
            answer.state, answer.reference, answer.detail, action=order.action, attempt=order.attempt
        )
        await asyncio.to_thread(write_atomically, self._answer_file(order.name), msgspec.json.encode(filed))

    async def _status(self, order: LaunchOrder) -> LaunchAnswer:
        return LaunchAnswer("running" if order.name in self._running else "absent")

    async def _launch(self, order: LaunchOrder) -> LaunchAnswer:
        if order.name not in self._running:
            await self._join(order)
            await self._start(order)
        return LaunchAnswer("running", reference=order.name)

    async def _end(self, order: LaunchOrder) -> LaunchAnswer:
        self._running.discard(order.name)
        for name in (order.name, _replicator(order)):
            await self._host.drop_daemon(name)
        await asyncio.to_thread(shutil.rmtree, self._paths.machines / order.name, ignore_errors=True)
        return LaunchAnswer("absent")

    async def _join(self, order: LaunchOrder) -> None:
        """As an operator would with `atoll node join`."""
        directory = self._paths.machines / order.name
        grant = await use_token(self._queries(), order.join_token, directory)
        ports = self._ports(order)
        extra: dict[str, Value] = {"reserve_bytes": LOCAL_RESERVE, "drain_seconds": 5.0, **self._extra}
        url = f"http://{LOOPBACK}:{ports[order.name]}"
        new = NewNode(
            directory,
            self._paths.data(order.name),
            url,
            LOOPBACK,
            ports[order.name],
            ports[_replicator(order)],
            extra,
        )
        await asyncio.to_thread(write_files, grant, new)
        kept = msgspec.structs.replace(order, join_token="")
        await asyncio.to_thread(write_atomically, directory / KEPT_ORDER, msgspec.json.encode(kept))

    def _ports(self, order: LaunchOrder) -> dict[str, int]:
        wanted: dict[str, int | None] = {order.name: None, _replicator(order): None}
        return choose_ports(self._paths.root / "ports.json", wanted, self._claims, rng=random.Random())

    async def _start(self, order: LaunchOrder) -> None:
        directory, ports = self._paths.machines / order.name, self._ports(order)
        place = RegionPlan(order.region, order.region, order.lat, order.lon)
        node, replicator = order.name, _replicator(order)
        plan = DaemonPlan("storage_node", node, place, ports[node])
        await self._host.add_daemon(plan, ports[node], directory / "storage_node.toml")
        plan = DaemonPlan("replicator", replicator, place, ports[replicator])
        await self._host.add_daemon(plan, ports[replicator], directory / "replicator.toml")
        self._running.add(node)


def _replicator(order: LaunchOrder) -> str:
    return f"{order.name[:20].rstrip('-')}-replicator"
