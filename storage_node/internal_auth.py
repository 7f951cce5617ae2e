"""The door of the internal API: only the cluster's own daemons come in, each request with its own token."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from atoll.errors import Unauthorized
from atoll.http import Handler
from atoll.signing import Keys, check_internal_token

_SCHEME = "Atoll "


class InternalAuth:
    """`clock` gives Unix milliseconds. A token opens one method and raw path on one node for a minute."""

    def __init__(self, node: str, keys: Keys, clock: Callable[[], int]) -> None:
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
            return await handler(request)

        return guarded
