"""What can go wrong with a process on this machine. Pure.

EngineError          an engine, or a file it needs, is not as it must be; says what to do
└── NotReadyError    it does not answer yet: a health check raises this, and is asked again
"""

from __future__ import annotations

from atoll.errors import AtollError


class EngineError(AtollError):
    """A local process cannot be started or kept; the message is meant for the person at the terminal."""

    slug = "engine-failed"
    title = "A process of the local cluster cannot run"


class NotReadyError(EngineError):
    """A health check's way to say "not yet"; anything else it raises is a defect and is not retried."""
