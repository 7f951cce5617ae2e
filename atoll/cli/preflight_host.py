"""The machine itself: Python, kernel, clock, limits, memory. Reads only, changes nothing."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from atoll.cli.output import size
from atoll.cli.preflight_finding import Look, bad, well

MIN_PYTHON = (3, 11)
MIN_KERNEL = (4, 18)  # the oldest that a distribution still cares for with Python 3.11
MIN_FILES, GOOD_FILES = 1024, 65_536  # descriptors: a node has one per connection, blob and peer
MIN_MEMORY, GOOD_MEMORY = 2**30, 2 * 2**30
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized
_TIMEX_BYTES = 256  # struct timex has 208 of them on 64-bit Linux


def look_at_host() -> Iterator[Look]:
    """One finding each."""
    yield python(sys.version_info[:2])
    yield kernel(platform.system(), platform.release())
    yield clock(_clock_state())
    yield descriptors(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield memory(_memory())


def python(version: tuple[int, ...]) -> Look:
    """The interpreter."""
    found = ".".join(map(str, version))
    if version < MIN_PYTHON:
        return bad("python", found, "Install Python 3.11 or newer.")
    return well("python", found)


def kernel(system: str, release: str) -> Look:
    """What the disk's promises rest on: rename, fsync of directories, statvfs as Linux has them."""
    if system != "Linux":
        return bad(
            "kernel", system, "Atoll's daemons are tested on Linux; use it here for trials.", fails=False
        )
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdecimal())
    if numbers < MIN_KERNEL:
        return bad("kernel", release, "Bring the kernel to 4.18 or newer.")
    return well("kernel", release)


def clock(state: int | None) -> Look:
    """Tickets and signed URLs expire, and records sort, by the clock."""
    if state is None:
        return bad("clock", "it cannot be asked", "See to it that NTP runs (chrony).", fails=False)
    if state == _TIME_ERROR:
        todo = "Start NTP (chrony or systemd-timesyncd) and wait until `timedatectl` says synchronized."
        return bad("clock", "not synchronized", todo, fails=False)
    return well("clock", "synchronized")


def descriptors(soft: int, hard: int) -> Look:
    """RLIMIT_NOFILE; the systemd units set their own."""
    found = f"{_count(soft)} open files (hard limit {_count(hard)})"
    if 0 <= soft < MIN_FILES:
        return bad("open files", found, f"Raise it: LimitNOFILE={GOOD_FILES} in the unit, or ulimit -n.")
    if 0 <= soft < GOOD_FILES:
        todo = f"The units of deploy/systemd set LimitNOFILE={GOOD_FILES}; without them: ulimit -n."
        return bad("open files", found, todo, fails=False)
    return well("open files", found)


def _count(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)


def memory(total: int) -> Look:
    """All of the machine's; a worker that renders may take 1 GiB (render_memory)."""
    if total < MIN_MEMORY:
        return bad("memory", size(total), "Give the machine 2 GiB or more.")
    if total < GOOD_MEMORY:
        todo = "Enough to store and serve; set renderers = 1 and a smaller render_memory."
        return bad("memory", size(total), todo, fails=False)
    return well("memory", size(total))


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _clock_state() -> int | None:
    """What adjtimex(2) returns with modes 0, which changes nothing; None where there is none."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError):
        return None
    state = int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return None if state < 0 else state


def mount_of(path: Path, table: str) -> tuple[str, str, str]:
    """(device, file system, options) of the mount that `path` lies on, from the text of /proc/self/mounts."""
    best = ("", "", "", "")
    for line in table.splitlines():
        device, point, kind, options = line.split(" ")[:4]
        point = point.encode().decode("unicode_escape")
        inside = path == Path(point) or Path(point) in path.parents
        if inside and len(point) >= len(best[1]):
            best = (device, point, kind, options)
    return best[0], best[2], best[3]
