"""A real daemon that a story may kill at a phase, or whose clock is wrong:

    python rigged_daemon.py KIND --settings FILE

FILE with the suffix .die holds the phase to die in (rig.py), with .clock the seconds its clock is off.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rig import PHASES, Phase, Rig

ACK_WAIT_SECONDS = 6.0
WHICH = {
    "storage_node": "NodeSettings",
    "replicator": "ReplicatorSettings",
    "query_service": "QuerySettings",
    "monitor": "MonitorSettings",
}


def turn_clock(seconds: float) -> None:
    """Wall time is off; what measures spans (monotonic) is not. Before anything of ours is imported."""
    wall, wall_ns = time.time, time.time_ns
    time.time = lambda: wall() + seconds
    time.time_ns = lambda: wall_ns() + int(seconds * 1e9)


def expect_acks(kind: str, seconds: float) -> None:
    """An event in the hands of one that died is given to its next life so soon; in earnest after 30 s."""
    importlib.import_module("atoll.streams").ACK_WAIT_SECONDS = seconds
    if kind == "replicator":
        held = importlib.import_module("replicator.held")
        held.SIGN_AFTER_SECONDS, held.CHECK_SECONDS = seconds / 3, seconds / 10


def watch(rig: Rig, name: str, phase: Phase) -> None:
    """Make the place of a phase look for an order each time."""
    module, _, path = phase.place.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, function = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    setattr(owner, function, _watched(getattr(owner, function), lambda: _die_if_told(rig, name), phase.ended))


def _watched(work: Callable[..., Any], look: Callable[[], None], ended: bool) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(work):

        @functools.wraps(work)
        async def watched_async(*arguments: Any, **options: Any) -> Any:
            if not ended:
                look()
            result = await work(*arguments, **options)
            if ended:
                look()
            return result

        return watched_async

    @functools.wraps(work)
    def watched(*arguments: Any, **options: Any) -> Any:
        if not ended:
            look()
        result = work(*arguments, **options)
        if ended:
            look()
        return result

    return watched


def _die_if_told(rig: Rig, name: str) -> None:
    try:
        if rig.order.read_text() != name:
            return
        rig.order.unlink()
    except FileNotFoundError:  # no order, or another thread has just obeyed it
        return
    os.kill(os.getpid(), signal.SIGKILL)


def main(kind: str) -> int:
    rig = Rig(Path(sys.argv[sys.argv.index("--settings") + 1]))
    if rig.clock.exists():
        turn_clock(float(rig.clock.read_text()))
    with importlib.import_module("atoll.kept_imports").kept_imports():
        expect_acks(kind, ACK_WAIT_SECONDS)
        for name, phase in PHASES[kind].items():
            watch(rig, name, phase)
        settings = getattr(importlib.import_module(f"{kind}.settings"), WHICH[kind])
        daemon_main = importlib.import_module("atoll.daemon_main").daemon_main
        run = importlib.import_module(f"{kind}.app").run
    exit_code: int = daemon_main(kind, settings, run)
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv.pop(1)))
