"""Which cores servers and clients have to themselves: the same for both sides of a comparison.

The last core is for whoever is measured, the first for who asks; on a machine with one core, and where the
system does not let one choose (macOS), nobody is told anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_THEN_RUN = (
    "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execvp(sys.argv[2], sys.argv[2:])"
)


def _usable() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def server_core() -> int | None:
    """The core of what is measured; None: there is no choice."""
    usable = _usable()
    return usable[-1] if len(usable) > 1 else None


def client_core() -> int | None:
    """The core of who asks."""
    usable = _usable()
    return usable[0] if len(usable) > 1 else None


def said() -> str:
    """For the notes of a result."""
    if (server := server_core()) is None:
        return "Server and client share the cores."
    return f"Every server on core {server} alone, the client on core {client_core()}."


def on_server_core(process: psutil.Process) -> None:
    """Move a process and all below it, every thread of theirs, to the servers' core."""
    core = server_core()
    if core is None:
        return
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            for thread in each.threads():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread.id, {core})


@contextmanager
def asking() -> Iterator[None]:
    """The calling thread on the client's core: for clients that are part of the bench."""
    core = client_core()
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def on_client_core(argv: list[str]) -> list[str]:
    """A command that runs on the client's core from its first instruction on."""
    return on_core(client_core(), argv)


def on_core(core: int | None, argv: list[str]) -> list[str]:
    """The same for any core; None: wherever the system likes."""
    return argv if core is None else [sys.executable, "-c", _THEN_RUN, str(core), *argv]
