"""Derivatives that a ticket or a bucket names, made after an upload instead of at the first request.

Owns a bounded queue in memory. Nothing depends on it: what does not fit, fails or is lost with the process
is made when somebody asks for it. One at a time, and only while the node is not busy, for a while at least.
Filled by uploads after their acknowledgement; `render` is the delivery's, who knows what exists already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from atoll.names import Handle

Render = Callable[[str, str, Handle], Awaitable[None]]  # bucket, transformation, handle


class EagerQueue:
    """`limit`: derivatives that may wait (0: none is made). `load` as in the heartbeat, 0 to 1."""

    def __init__(
        self,
        render: Render,
        limit: int,
        load: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        raise NotImplementedError

    def add(self, bucket: str, transformations: Iterable[str], handle: Handle) -> None:
        """Have them made some time. Never blocks, never fails; on the loop's thread."""
        raise NotImplementedError

    async def run(self) -> None:
        """Make one after the other, for ever."""
        raise NotImplementedError
