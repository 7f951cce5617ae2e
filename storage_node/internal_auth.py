"""The door of the internal API: only the cluster's own daemons come in, each request with its own token."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from atoll.errors import Unauthorized
from atoll.http import Handler
from atoll.signing import Keys, check_internal_token
from storage_node.disk_probe import DiskHealth, no_answer

_SCHEME = "Atoll "


class InternalAuth:
    """`clock` gives Unix milliseconds. A token opens one method and raw path on one node for a minute.

    While the disk gives no answer nobody of ours is let in either: all that is asked here needs it, and a
    peer that is refused at once asks the next node.
    """

    def __init__(self, node: str, keys: Keys, clock: Callable[[], int], disk: DiskHealth) -> None:
        self._disk = disk
        self._node, self._keys, self._clock = node, keys, clock

    def caller(self, request: web.Request) -> str:
        """Who calls; `Unauthorized` when nobody of ours does."""
        credentials = request.headers.get("Authorization", "")
        if not credentials.startswith(_SCHEME):
            raise Unauthorized("This path is for the cluster's own daemons.")
        token = credentials[len(_SCHEME) :]
        return check_internal_token(
            token, self._node, request.method, request.raw_path, self._keys, self._clock()
        )

    def guard(self, handler: Handler) -> Handler:
        """`handler`, for our own daemons only."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            self.caller(request)
            if self._disk.failing:
                raise no_answer()
            return await handler(request)

        return guarded
