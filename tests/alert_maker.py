"""Capacity alerts for tests."""

from __future__ import annotations

from monitor.alerts import CapacityAlert


def an_alert(**changes: object) -> CapacityAlert:
    """A warning about eu-1, changed where the test cares."""
    facts: dict[str, object] = {
        "id": "0" * 26, "scope": "node", "name": "eu-1", "region": "eu", "set": "s1", "transition": "raised",
        "level": "warning", "previous": "ok", "used_percent": 81.5, "threshold_percent": 80.0,
        "bytes_total": 1000, "bytes_free": 185, "since": 1, "at": 2, "monitor": "monitor-1", "detail": "…",
    }  # fmt: skip
    return CapacityAlert(**{**facts, **changes})  # type: ignore[arg-type]  # facts of a test
