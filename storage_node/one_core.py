"""The setting `core`: a node's own threads on one processor core, its workers on any.

The threads of a node share one interpreter lock, so they compute one after the other on however many cores.
Spread over two, each hand-over of the lock wakes the other core, which costs an upload a fifth of its
processor time. Decoding and rendering are in processes of their own: they are let go to all cores
(`Sandbox.any_core`). As nginx's worker_cpu_affinity, it is worth it where cores are scarce.
"""

from __future__ import annotations

import os
import sys

from atoll.settings import SettingsError

ANY = -1


def stay_on(core: int) -> None:
    """Keep the calling thread, and all it starts from now on, on `core`. `SettingsError` without it."""
    if core == ANY:
        return
    if sys.platform != "linux":
        raise SettingsError(["core: only Linux lets a process choose its core; leave it out"])
    allowed = os.sched_getaffinity(0)
    if core not in allowed:
        named = ", ".join(map(str, sorted(allowed)))
        raise SettingsError([f"core: {core} is none of the cores that this process may use ({named})"])
    os.sched_setaffinity(0, {core})


def leave_core() -> None:
    """Let the calling process onto every core of the machine that its container has."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
