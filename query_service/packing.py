"""Answers of the API to pages of the web app, packed on their way. Called by routing.py with each answer.

Only for who came with a session: programs ask for much, mostly from near, and a resolved image must not cost
the processor more. A secret in an answer is not told by its packed size either: no other site can make a
browser ask with the session's cookie (callers.py).
"""

from __future__ import annotations

import asyncio
import gzip

from aiohttp import web

LEAST_BYTES = 2048  # what is smaller goes in one packet or two, and is left as it is
_LEVEL = 4


async def packed(request: web.Request, response: web.StreamResponse) -> None:
    """Put the body of an answer to a page in gzip's form, if that is worth it and the browser reads it."""
    if not isinstance(response, web.Response) or "Content-Encoding" in response.headers:
        return
    body = response.body
    if not isinstance(body, bytes) or len(body) < LEAST_BYTES:
        return
    response.headers["Vary"] = "Accept-Encoding"
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return
    response.body = await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
    response.headers["Content-Encoding"] = "gzip"
