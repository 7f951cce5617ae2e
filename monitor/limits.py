"""The numbers an operator may set for rules and damping, as plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The thresholds that an operator sets. Ratios 0 to 1; days."""

    warning: float = 0.80
    critical: float = 0.92
    clear: float = 0.03
    warning_days: float = 14.0
    critical_days: float = 3.0


@dataclass(frozen=True)
class Damping:
    """When something counts as flapping (seconds)."""

    changes: int = 5
    window: float = 600.0
    calm: float = 300.0
