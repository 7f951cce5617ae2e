"""What a node tells of its scrubbing, and how it is told to pause: GET and POST /internal/v1/scrub. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from atoll.heartbeat import ScrubFacts
from atoll.model import BucketName, Extension, Label, Milliseconds, Sha256, Size


class ScrubOrder(Struct, frozen=True):
    """Pause or go on; remembered over restarts."""

    paused: bool


class UnreadablePicture(Struct, frozen=True):
    """A blob whose bytes are right and whose picture no decoder here can read. `reason` as an upload's."""

    bucket: BucketName
    sha256: Sha256
    ext: Extension
    reason: str
    at: Milliseconds


class ScrubStatus(Struct, frozen=True):
    """How the scrubbing of one node stands. Counts are since the daemon started.

    `rate` is what is aimed at now, in bytes a second (each blob counts as 64 KiB more than it has).
    `round_started_at` is 0 before the first round. `unreadable` has the newest hundred.
    """

    node: Label
    state: Literal["reading", "resting", "paused", "waiting"]
    facts: ScrubFacts
    period_seconds: float
    rate: float
    round_started_at: Milliseconds
    blobs: Size
    bytes: Size
    decoded: Size
    unreadable: tuple[UnreadablePicture, ...] = ()
