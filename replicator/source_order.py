"""From which nodes a blob is pulled, best first. Pure.

A fresh upload may be only where it was made: its origin first, then the others. An older one (a catch-up
after downtime) has had time to spread: nearest first. Those that give no sign of life come last, because
each costs a time-out. The node itself walks the list and verifies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from atoll.health import State


def order_sources(
    nearest_first: Sequence[str], state: Callable[[str], State], origin: str | None, *, fresh: bool
) -> tuple[str, ...]:
    """The node's peers in the order in which it shall ask them.

    `origin` is where the upload was made, None when unknown. Suspect peers stay in the list, last:
    heartbeats may be late when the peer is not.
    """
    alive = origin is not None and origin in nearest_first and state(origin) != "suspect"
    first = origin if fresh and alive else None
    others = sorted((name for name in nearest_first if name != first), key=lambda n: state(n) == "suspect")
    return (first, *others) if first else tuple(others)
