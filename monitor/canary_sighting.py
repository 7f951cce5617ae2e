"""What became of one canary in one region: the words for it. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Outcome = Literal["ok", "unsent", "lost", "stale", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "unsent", "lost", "stale", "failed")


class Sighting(Struct, frozen=True):
    """`unsent`: it could not be uploaded. `lost`: no copy came in time. `stale`: a copy came, and the public
    API still answers with the canary before it, or none. `failed`: asking there gave an error.

    `lag`: seconds from the 201 to a copy there; `read`: to fetch it; `at`: Unix ms.
    """

    outcome: Outcome
    at: int
    lag: float | None = None
    read: float | None = None
    why: str | None = None

    @property
    def ok(self) -> bool:
        """It came, and could be read."""
        return self.outcome == "ok"
