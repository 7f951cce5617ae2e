"""The door of the internal API: only the cluster's own daemons come in, each request with its own token."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from atoll.http import Handler
from atoll.internal_call import internal_caller
from atoll.signing import Keys
from storage_node.disk_probe import DiskHealth, no_answer


class InternalAuth:
    """`clock` gives Unix milliseconds. A token opens one method, raw path and body on one node for a minute.

    While the disk gives no answer nobody of ours is let in either: all that is asked here needs it, and a
    peer that is refused at once asks the next node.
    """

    def __init__(self, node: str, keys: Keys, clock: Callable[[], int], disk: DiskHealth) -> None:
        self._disk = disk
        self._node, self._keys, self._clock = node, keys, clock

    def guard(self, handler: Handler) -> Handler:
        """`handler`, for our own daemons only."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            await internal_caller(request, self._node, self._keys, self._clock())
            if self._disk.failing:
                raise no_answer()
            return await handler(request)

        return guarded
