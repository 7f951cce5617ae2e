"""What a node says of itself every second: the wire type of heartbeats. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from atoll.model import Label, Milliseconds, Size

# What a node says of itself. `failing`: its disk gives no answer, so others must be asked.
NodeWord = Literal["ready", "draining", "stopping", "failing", "removed"]


class ScrubFacts(Struct, frozen=True):
    """How far a node is with reading all its blobs again. `progress` (0 to 1) is of the round under way.

    `oldest_verified_at` is 0 without blobs whose check can be dated; `overdue` ones were not read within the
    period, as far as is known. `bad` copies were found since the daemon started; `unreadable` pictures have
    the right bytes and cannot be decoded.
    """

    oldest_verified_at: Milliseconds
    progress: float
    overdue: Size = 0
    bad: Size = 0
    unreadable: Size = 0
    paused: bool = False


class Heartbeat(Struct, frozen=True):
    """What a node says of itself every second. `load` is 0 (idle) to 1 (saturated) and may exceed it.

    `uploads`: requests under way that upload. A draining node begins no new one, so that a drain can wait
    for the last. `bytes_reserved`: of `bytes_free`, what uploads do not get.
    """

    node: Label
    region: Label
    set: Label
    url: str
    at: Milliseconds
    version: str
    state: NodeWord
    read_only: bool
    load: float
    bytes_total: Size
    bytes_free: Size
    blobs: Size
    outbox: Size
    outbox_age_ms: Milliseconds
    wanted: Size = 0
    quarantined: Size = 0
    inodes_free: Size | UnsetType = UNSET
    scrub: ScrubFacts | None = None
    uploads: Size = 0
    bytes_reserved: Size = 0

    @property
    def used_fraction(self) -> float:
        """How full the node is, from 0 to 1."""
        return 1 - self.bytes_free / self.bytes_total if self.bytes_total else 1.0
