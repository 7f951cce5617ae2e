"""What of a node's settings is one process's share. Pure.

Memory and threads are divided, because they are the node's; limits of single requests are not. Caches are
divided evenly: a hot blob is in all of them, and the kernel deals connections out evenly.
"""

from __future__ import annotations

import os
from dataclasses import replace

from atoll.settings import Bytes, SettingsError
from storage_node.one_core import ANY
from storage_node.settings import NodeSettings


def processes_of(settings: NodeSettings) -> int:
    """How many processes the node has: `workers`, or one for each core it may use."""
    return settings.workers or len(os.sched_getaffinity(0))


def share_of(settings: NodeSettings, number: int, processes: int) -> NodeSettings:
    """The settings of process `number` (home: 0) of so many. `SettingsError` for cores there are not."""
    if processes == 1:
        return settings
    return replace(
        settings,
        ram_cache_bytes=Bytes(settings.ram_cache_bytes // processes),
        ram_targets_bytes=Bytes(settings.ram_targets_bytes // processes),
        ingest_threads=_part(settings.ingest_threads, number, processes),
        inspectors=_part(settings.inspectors, number, processes),
        reader_threads=_part(settings.reader_threads, number, processes),
        core=ANY if settings.core == ANY else _core(settings.core, number, processes),
    )


def _part(whole: int, number: int, processes: int) -> int:
    """One at least; what does not divide evenly goes to the first ones."""
    return max(1, whole // processes + (number < whole % processes))


def _core(first: int, number: int, processes: int) -> int:
    """Process by process from `core` on, over the cores that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if first not in allowed:
        return first  # one_core.py says what is wrong with it
    at = allowed.index(first)
    if at + processes > len(allowed):
        raise SettingsError(
            [f"core: {processes} processes from core {first} on need more cores than {len(allowed)}"]
        )
    return allowed[at + number]
