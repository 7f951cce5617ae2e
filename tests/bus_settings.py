"""Settings that are enough for a bus and a cluster map, and waiting for what a test wants to see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from atoll.daemon_settings import DaemonSettings

DEADLINE = 20.0  # seconds


def settings_for(directory: Path, nats_url: str, **changes: object) -> DaemonSettings:
    """A daemon's settings; `directory` is its state directory."""
    facts: dict[str, object] = {
        "name": "test-1",
        "region": "eu",
        "listen_port": 1,
        "cluster_secret_file": directory / "secret",
        "state_dir": directory,
        "nats_url": nats_url,
    }
    return DaemonSettings(**{**facts, **changes})  # type: ignore[arg-type]  # facts of a test


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Return once `condition()` is true; fails after a deadline."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never came true: {what or condition}") from None
