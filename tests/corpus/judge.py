"""One file before the node's own judges: what an upload of it would be answered, and what rendering it takes.

The same order as in the node's ingest: not empty, magic, claim, then a full decode in an inspection worker;
what is accepted goes to a rendering worker with a few transformations. CPU and memory are those of the
worker, read from the kernel (Linux; elsewhere 0).
"""

from __future__ import annotations

import itertools
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from atoll.errors import AtollError
from atoll.transformation.parser import parse
from corpus.specimen import ACCEPTED, EMPTY, MISMATCH, NO_IMAGE
from storage_node.inspection import Inspector
from storage_node.renderer import Order, Renderer
from storage_node.sniff import SNIFF_BYTES, ImageType, agrees, declared_by_name, sniff
from storage_node.worker_pool import PoolLimits, WorkerPool

TRANSFORMATIONS = ("f_jpg,w_300", "c_limit,h_300,w_300/f_webp", "c_fill,g_auto,h_200,w_200/f_jpg")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one job took of its worker: seconds of CPU and of wall clock, highest resident memory in bytes."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, a word more on it, and the cost of it; then, if accepted, of each transformation."""

    verdict: str
    reason: str = ""
    cost: Cost = Cost(0, 0, 0)
    rendered: tuple[tuple[str, Cost], ...] = ()

    @property
    def costs(self) -> tuple[Cost, ...]:
        """All of them."""
        return (self.cost, *(cost for _, cost in self.rendered))


@dataclass
class Bench:
    """Workers with the node's default limits, and a folder of their own. Not thread-safe: one worker each."""

    folder: Path
    inspector: Inspector
    renderer: Renderer
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def judged(self, name: str, data: bytes) -> Judged:
        """What becomes of an upload of `data` by this name. Raises what is the node's own fault."""
        kind = sniff(data[:SNIFF_BYTES])
        if not data:
            return Judged(EMPTY)
        if kind is None:
            return Judged(NO_IMAGE)
        if not agrees(kind, declared_by_name(name)):
            return Judged(MISMATCH)
        path = self.folder / f"upload-{next(self.numbers)}"
        path.write_bytes(data)
        try:
            return self._decoded(path, kind)
        finally:
            path.unlink()

    def _decoded(self, path: Path, kind: ImageType) -> Judged:
        verdict, reason, cost = self._measured(
            self.inspector.pool, lambda: self.inspector.begin(path, kind).result()
        )
        if verdict != ACCEPTED:
            return Judged(verdict, reason, cost)
        rendered = tuple(self._rendered(path, kind, text) for text in TRANSFORMATIONS)
        return Judged(ACCEPTED, "", cost, rendered)

    def _rendered(self, path: Path, kind: ImageType, text: str) -> tuple[str, Cost]:
        meant = parse(text)
        output = self.folder / f"derivative-{next(self.numbers)}"
        order = Order(path, kind, output, meant, meant.delivery.format)
        try:
            verdict, reason, cost = self._measured(
                self.renderer.pool, lambda: self.renderer.begin(order).result()
            )
        finally:
            output.unlink(missing_ok=True)
        return reason or verdict, cost

    @staticmethod
    def _measured(pool: WorkerPool, job: Callable[[], object]) -> tuple[str, str, Cost]:
        forget_peaks(pool)
        wall, cpu = time.perf_counter(), cpu_of(pool)
        verdict, reason = ACCEPTED, ""
        try:
            job()
        except AtollError as error:
            if error.status >= 500:
                raise
            verdict, reason = error.slug, str(error.facts.get("reason", ""))
        return verdict, reason, Cost(cpu_of(pool) - cpu, time.perf_counter() - wall, peak_of(pool))

    def left_over(self) -> list[str]:
        """Files that nobody removed, half-written ones included."""
        return [str(path) for path in self.folder.rglob("*") if path.is_file()]


@contextmanager
def bench(folder: Path, **pool: float) -> Iterator[Bench]:
    """Start one worker of each kind."""
    staging = folder / "incoming"
    staging.mkdir(parents=True)
    limits = PoolLimits(workers=1, **pool)  # type: ignore[arg-type]  # numbers of the dataclass's own names
    with Inspector(limits) as inspector, Renderer(staging, limits) as renderer:
        yield Bench(folder, inspector, renderer)


def cpu_of(pool: WorkerPool) -> float:
    """Seconds of CPU of the pool's living workers and of all that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    alive = sum(_running_seconds(pid) for pid in pool.worker_pids())
    return alive + ended.ru_utime + ended.ru_stime


def _running_seconds(pid: int) -> float:
    if sys.platform != "linux":
        return 0.0
    usage = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    fine = Path(f"/proc/{pid}/schedstat")  # nanoseconds, where the kernel counts them
    if fine.exists():
        return int(fine.read_text(encoding="ascii").split()[0]) / 1e9
    return (int(usage[11]) + int(usage[12])) / os.sysconf("SC_CLK_TCK")


def forget_peaks(pool: WorkerPool) -> None:
    """The highest memory counts anew from here."""
    if sys.platform == "linux":
        for pid in pool.worker_pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def peak_of(pool: WorkerPool) -> int:
    """The highest resident memory of the pool's living workers since then, in bytes."""
    if sys.platform != "linux":
        return 0
    return max((_high_water(pid) for pid in pool.worker_pids()), default=0)


def _high_water(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
