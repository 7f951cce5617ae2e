"""How many cores each kind of a local cluster's processes takes."""

from __future__ import annotations

import time

import psutil

from atoll.local.cluster import LocalCluster

ALL_ELSE = "everything else on this machine"  # the kernel's own threads too


class ClusterCpu:
    """Measures from its making, or from the last `cores`, to the next."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self._before, self._since = self._seconds(), time.perf_counter()

    def cores(self) -> dict[str, float]:
        """Cores in use since, by kind: daemons, the inspection workers, each engine, this process."""
        now, moment = self._seconds(), time.perf_counter()
        seconds = moment - self._since
        used = {kind: (now[kind] - before) / seconds for kind, before in self._before.items()}
        self._before, self._since = now, moment
        return used

    def _seconds(self) -> dict[str, float]:
        spent: dict[str, float] = {}
        for plan in self._cluster.plans:
            process = _process(self._cluster.daemons[plan.name].status.pid)
            spent[plan.kind] = spent.get(plan.kind, 0.0) + _cpu(process)
            if plan.kind == "storage_node":
                workers = sum(_cpu(child) for child in process.children())
                spent["inspection workers"] = spent.get("inspection workers", 0.0) + workers
        for status in self._cluster.engines.statuses():
            spent[status.name] = _cpu(_process(status.pid))
        ours = {**spent, "this client": time.process_time()}
        return {**ours, ALL_ELSE: _busy() - sum(ours.values())}


def _busy() -> float:
    """Seconds that the machine's cores were not idle since it started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _process(pid: int | None) -> psutil.Process:
    if pid is None:
        raise RuntimeError("a process of the cluster is not running")
    return psutil.Process(pid)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
