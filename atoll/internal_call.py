"""Who makes an internal call, asked by whoever is called: nodes and monitors. I/O (it reads the body).

The other side is node_client.py; the tokens are signing.py's.
"""

from __future__ import annotations

from aiohttp import web

from atoll.errors import Unauthorized
from atoll.http import BODY, JSON_SECONDS, MAX_JSON_BYTES, read_body
from atoll.signing import Keys, check_internal_body, open_internal_token

_SCHEME = "Atoll "


async def internal_caller(
    request: web.Request, audience: str, keys: Keys, now_ms: int, limit: int = MAX_JSON_BYTES
) -> str:
    """The daemon that calls `audience`; `Unauthorized` when none of ours does.

    The body is read here, for the token covers it, and lies in the request for `read_json`: no handler sees
    one that its caller did not sign. Nothing of it is read for a stranger, and never more than `limit` bytes.
    """
    credentials = request.headers.get("Authorization", "")
    if not credentials.startswith(_SCHEME):
        raise Unauthorized("This path is for the cluster's own daemons.")
    token = open_internal_token(
        credentials[len(_SCHEME) :], audience, request.method, request.raw_path, keys, now_ms
    )
    request[BODY] = await read_body(request, limit, JSON_SECONDS) if request.body_exists else b""
    check_internal_body(token, request[BODY])
    return token.caller
