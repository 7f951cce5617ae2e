"""What stands before the window of repair: it is open while the node takes orders and nothing fresh waits.

So repair may have many more orders under way than there are workers for uploads, and none of them is handed
out before an upload. Has no state; refuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from replicator.gate import NodeGate
from replicator.window import Window


class Behind:
    """A gate as the window asks for it: behind `gate`, and behind all that waits in `fresh`."""

    def __init__(self, gate: NodeGate, fresh: Window) -> None:
        self._gate, self._fresh = gate, fresh

    @property
    def is_open(self) -> bool:
        """Whether repair has its turn."""
        return self._gate.is_open and not len(self._fresh)

    def on_open(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever it may have become open."""
        self._gate.on_open(listener)
        self._fresh.on_empty(listener)
