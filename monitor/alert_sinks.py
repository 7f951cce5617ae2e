"""Where alerts go: the seam (`AlertSink`) and the log. Further channels implement the same one method.

A sink decides by itself how it sends and retries. The one that sends on NATS is in nats_alert_sink.py.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import asdict

from monitor.alerts import CapacityAlert, is_worse

log = logging.getLogger(__name__)


class AlertSink(Protocol):
    """Takes every transition once, in order."""

    def offer(self, alert: CapacityAlert) -> None:
        """Take an alert. Never blocks or raises: a sink that must wait does so in a task of its own."""
        ...

    @property
    def unsent(self) -> Sequence[CapacityAlert]:
        """Those it took and has not sent yet: what has ended is remembered until nobody needs it any more."""
        ...


class LogSink:
    """One log line per transition; worse is a warning, better is information."""

    unsent: Sequence[CapacityAlert] = ()

    def offer(self, alert: CapacityAlert) -> None:
        facts = {f"alert_{key}": value for key, value in asdict(alert).items()}
        level = logging.WARNING if is_worse(alert) else logging.INFO
        log.log(level, "capacity alert %s: %s", alert.transition, alert.detail, extra=facts)
