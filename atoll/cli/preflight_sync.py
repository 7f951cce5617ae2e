"""Does the disk keep its word? A small file is written and synced many times, and the clock is watched.

An acknowledged upload rests on fsync. A disk with a volatile cache that ignores flushes, a hypervisor with
cache=unsafe, `nobarrier`, eatmydata: all answer at once, and lose the last seconds at a power cut. Nobody can
prove from inside that a disk is honest; two things can be seen. No durable medium answers a flush within
some microseconds; and a write past the cache (O_DIRECT with O_DSYNC) has no reason to take many times what a
sync takes. Only pulling the plug proves the rest.
"""

from __future__ import annotations

import mmap
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from atoll.cli.preflight_finding import Look, bad, well
from atoll.errors import AtollError

ROUNDS = 64
BLOCK = 4096
DEADLINE_SECONDS = 10.0  # for each kind of write; a disk this slow has been understood
INSTANT = 15e-6  # seconds: below what PCIe and a flash controller take for one flush
SLOW_SECONDS = 0.05  # an upload waits for three of them
SUSPICIOUS_RATIO = 8.0
NAME = ".atoll-preflight"


class ProbeFailed(AtollError):
    """The disk refused what a node needs of it."""

    slug = "probe-failed"
    title = "The disk cannot be tried"


class Timings(NamedTuple):
    """Seconds: medians, and the slowest sync. `direct` is None where the file system has no O_DIRECT."""

    sync: float
    worst: float
    direct: float | None
    directory: float


def probe(directory: Path, clock: Callable[[], float] = time.perf_counter) -> Timings:
    """Write, sync and remove a file of our own in `directory`; `ProbeFailed`. Blocks up to 30 s."""
    path = directory / f"{NAME}.{os.getpid()}"
    try:
        synced = _timed(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, os.fdatasync, clock)
        try:
            direct = _direct(path, clock)
            return Timings(statistics.median(synced), max(synced), direct, _directory_sync(directory, clock))
        finally:
            path.unlink()
    except OSError as error:
        raise ProbeFailed(f"{directory}: {error.strerror}") from error


def _timed(path: Path, flags: int, after: Callable[[int], None], clock: Callable[[], float]) -> list[float]:
    """How long each write with what comes after it took. The buffer is aligned to a page, for O_DIRECT."""
    found: list[float] = []
    descriptor = os.open(path, flags, 0o600)
    began = clock()
    with mmap.mmap(-1, BLOCK) as page:
        try:
            while len(found) < ROUNDS and clock() - began < DEADLINE_SECONDS:
                page[:8] = len(found).to_bytes(8, "big")
                at = clock()
                os.pwrite(descriptor, page, 0)
                after(descriptor)
                found.append(clock() - at)
        finally:
            os.close(descriptor)
    return found


def _direct(path: Path, clock: Callable[[], float]) -> float | None:
    flag = getattr(os, "O_DIRECT", None)
    if flag is None:
        return None
    try:
        return statistics.median(_timed(path, os.O_WRONLY | flag | os.O_DSYNC, lambda _: None, clock))
    except OSError:
        return None  # tmpfs, and some network file systems


def _directory_sync(directory: Path, clock: Callable[[], float]) -> float:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        at = clock()
        os.fsync(descriptor)
        return clock() - at
    finally:
        os.close(descriptor)


def judge(check: str, timings: Timings) -> Look:
    """What the timings say of the disk."""
    found = f"sync {_ms(timings.sync)}, slowest {_ms(timings.worst)}"
    if timings.direct is not None:
        found += f", O_DIRECT|O_DSYNC {_ms(timings.direct)}"
    if timings.sync < INSTANT:
        todo = (
            "No durable medium is that fast: look for nobarrier, eatmydata, a tmpfs, cache=unsafe of the "
            "hypervisor. What is acknowledged here may be lost at a power cut."
        )
        return bad(check, found, todo)
    if timings.direct is not None and timings.direct > SUSPICIOUS_RATIO * timings.sync:
        todo = (
            "A sync takes far less than a write past the cache: ask who keeps the cache when the power goes "
            "(a battery, capacitors), or turn it off (hdparm -W0)."
        )
        return bad(check, found, todo, fails=False)
    if timings.sync > SLOW_SECONDS:
        todo = "Uploads wait for three syncs each: use an SSD, or a controller whose cache has a battery."
        return bad(check, found, todo, fails=False)
    return well(check, found)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
