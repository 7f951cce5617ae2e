"""Hears the nodes say what they hold: a plain subscription to the receipts that they publish anyway.

A core subscription costs the cluster nothing but the sending: no consumer, no acknowledgement. Messages are
kept as they come and read when the load is over.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from nats.aio.msg import Msg

from atoll.bus import Bus
from atoll.daemon_settings import DaemonSettings
from atoll.events import BlobReplicated, Event, apart, open_event
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS
from atoll.settings import read_secret
from atoll.signing import Keys

_ALL_RECEIPTS = "atoll.*.blob.replicated.*"


class Receipt(NamedTuple):
    """A node has a blob: fsynced and in place by `fsynced_at`, told here at `heard_at` (Unix seconds)."""

    fsynced_at: float
    heard_at: float


class Receipts:
    """What was heard. `keys` are the cluster's: what they did not sign is not counted."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._messages: list[tuple[Msg, float]] = []
        self._found: dict[str, dict[str, Receipt]] = {}

    async def hear(self, message: Msg) -> None:
        """Keep a message."""
        self._messages.append((message, time.time()))

    def read(self) -> dict[str, dict[str, Receipt]]:
        """All that was heard since `forget`, by hash and node. The first of each: one may be sent twice."""
        messages, self._messages = self._messages, []
        for message, heard_at in messages:
            event = open_event(message.subject, message.data, message.headers, self._keys)
            if isinstance(event, BlobReplicated):
                for told in apart(event):
                    self._note(told, heard_at)
        return self._found

    def _note(self, told: Event, heard_at: float) -> None:
        assert isinstance(told, BlobReplicated)
        # its whole milliseconds are rounded down, so that it may be one later
        receipt = Receipt((told.at + 1) / 1000, heard_at)
        self._found.setdefault(told.sha256, {}).setdefault(told.node, receipt)

    def forget(self) -> None:
        """Begin anew."""
        self._messages, self._found = [], {}


@asynccontextmanager
async def receipts_of(cluster: LocalCluster) -> AsyncIterator[Receipts]:
    """Listen to a cluster."""
    settings = DaemonSettings(
        name="benchmark",
        region=REGIONS[0].name,
        listen_port=1,
        cluster_secret_file=cluster.paths.secrets / "cluster-secret",
        state_dir=cluster.paths.state("benchmark"),
        nats_url=cluster.engines.urls.nats,
    )
    receipts = Receipts(Keys(read_secret(settings.cluster_secret_file)))
    async with Bus(settings).opened() as bus:
        await bus.subscribe(_ALL_RECEIPTS, receipts.hear)
        await bus.flush()
        yield receipts
