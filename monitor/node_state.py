"""What a node's silence means. Pure: the times (monotonic seconds) are passed in.

A monitor that cannot hear must not call others silent: while NATS is away, and for the first seconds after
it came back, a node is unknown, not suspect.
"""

from __future__ import annotations

from dataclasses import dataclass

from atoll.health import SUSPECT_AFTER, State
from atoll.heartbeat import NodeWord


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, and the reason in a person's words."""

    state: State
    reason: str


def judge(heard: float | None, listening: float | None, now: float, said: NodeWord | None = None) -> Verdict:
    """The state of a node last heard at `heard` (None: never) and what it then `said` of itself.

    `listening` is since when heartbeats could be heard; None while they cannot.
    """
    if heard is not None and now - heard < SUSPECT_AFTER:
        if said == "failing":
            return Verdict("suspect", "it says that its disk gives no answer")
        return Verdict(
            "healthy", "its heartbeats come" + ("" if said in {None, "ready"} else f"; it is {said}")
        )
    if listening is None:
        return Verdict("unknown", "heartbeats cannot be heard: NATS does not bring the monitor what is sent")
    if now - listening < SUSPECT_AFTER:
        return Verdict("unknown", "no heartbeat yet since the monitor began to listen")
    if heard is None:
        return Verdict("suspect", f"no heartbeat in the {now - listening:.0f} s the monitor has listened")
    last = "; its last one said it was stopping" if said == "stopping" else ""
    return Verdict("suspect", f"no heartbeat for {now - heard:.0f} s{last}")
