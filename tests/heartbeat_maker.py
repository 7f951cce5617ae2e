"""Heartbeats for tests: a whole one, changed where the test cares."""

from __future__ import annotations

from atoll.events import heartbeat_subject, seal_heartbeat
from atoll.heartbeat import Heartbeat
from atoll.signing import Keys


def a_beat(node: str = "eu-1", *, used_percent: float = 50.0, at: int = 0, **changes: object) -> Heartbeat:
    """A heartbeat of `node`, its disk of a million bytes `used_percent` full."""
    facts: dict[str, object] = {
        "node": node, "region": "eu", "set": "s1", "url": f"http://{node}.test", "at": at, "version": "1",
        "state": "ready", "read_only": False, "load": 0.25, "bytes_total": 1_000_000,
        "bytes_free": 1_000_000 - round(used_percent * 10_000), "blobs": 7, "outbox": 3,
        "outbox_age_ms": 1500, "wanted": 2, "quarantined": 1,
    }  # fmt: skip
    return Heartbeat(**{**facts, **changes})  # type: ignore[arg-type]  # facts of a test


def sealed(beat: Heartbeat, keys: Keys) -> tuple[str, bytes, dict[str, str]]:
    """Subject, body and headers of a heartbeat as a node sends it."""
    return heartbeat_subject(beat.region, beat.node), *seal_heartbeat(beat, keys)
