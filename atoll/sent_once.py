"""An HTTP request is sent once: aiohttp's own second try is switched off. Used by whoever opens a session.

aiohttp sends GET, PUT and DELETE again by itself when a kept-alive connection ends before the answer –
even with what is left of a body. Whether a request may be repeated, when and where, is for its caller to
decide, who has deadlines and other nodes to try. There is no option for it; but an error that aiohttp does
not know gets through, so the middleware turns the loss into one of ours before aiohttp sees it.
"""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

from atoll.errors import AtollError

LostConnection = aiohttp.ClientOSError | aiohttp.ServerDisconnectedError


def sent_once(
    error_of: Callable[[aiohttp.ClientRequest, LostConnection], AtollError],
) -> aiohttp.ClientMiddlewareType:
    """A session's middleware. `error_of` says what a connection that ended before the answer means."""

    async def send(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        try:
            return await handler(request)
        except aiohttp.ClientConnectorError:
            raise  # nothing was sent, and aiohttp does not try that again
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise error_of(request, error) from error

    return send
