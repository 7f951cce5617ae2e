"""Waits until replication has done its work: an acknowledged upload is on one node, not yet on all.

A node that lacks a blob a moment after the last upload has not lost it. So whoever asks what was lost waits
first, as long as copies still arrive.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from atoll.local.cluster import LocalCluster
from benchmarks.ask import Asker

_STANDSTILL_SECONDS, _LOOK_SECONDS = 60.0, 1.0
_BLOBS = re.compile(r'^atoll_node_blobs\{[^}]*node="([^"]+)"[^}]*\} (\S+)$', re.MULTILINE)


class Settled(NamedTuple):
    """Copies that were still missing at first, and the seconds until none was or none came for a minute."""

    missing: int
    seconds: float


async def settled(cluster: LocalCluster, asker: Asker, uploads: int, say: Callable[[str], None]) -> Settled:
    """Wait until every node says that it holds `uploads` blobs, or until no copy has come for a minute."""
    nodes = cluster.names("storage_node")
    began = moved = time.monotonic()
    first = last = lacking(await _metrics(cluster, asker), nodes, uploads)
    while last and time.monotonic() - moved < _STANDSTILL_SECONDS:
        say(f"{last:,} copies still to be made")
        await asyncio.sleep(_LOOK_SECONDS)
        now = lacking(await _metrics(cluster, asker), nodes, uploads)
        if now < last:
            last, moved = now, time.monotonic()
    return Settled(first, time.monotonic() - began)


def lacking(metrics: str, nodes: list[str], uploads: int) -> int:
    """Copies that are missing, by the nodes' own counts in the monitor's metrics."""
    held = {node: int(float(value)) for node, value in _BLOBS.findall(metrics)}
    return sum(max(0, uploads - held.get(node, 0)) for node in nodes)


async def _metrics(cluster: LocalCluster, asker: Asker) -> str:
    (monitor,) = cluster.names("monitor")
    answer = await asker.ask(cluster.ports[monitor], (b"GET /metrics HTTP/1.1\r\nHost: monitor\r\n\r\n",))
    if answer.status != 200:
        raise RuntimeError(f"metrics of the monitor: {answer}")
    return answer.body.decode()
