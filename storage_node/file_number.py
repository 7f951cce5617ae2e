"""Which of its ticket's files a request brings first: `?file=2`. Pure.

A ticket for N files is good for N requests: a page sends each file by a request of its own, and sees how far
each one is. Sending a number again with the same bytes gives the same asset; with others it is refused.
"""

from __future__ import annotations

from aiohttp import web

from atoll.errors import BadRequest
from atoll.signing import Ticket

_DIGITS = 6


def first_file(request: web.Request, ticket: Ticket) -> int:
    """The number, 0 unless it is said; `BadRequest` when the ticket has no such file."""
    text = request.query.get("file", "0")
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS or int(text) >= ticket.max_files:
        raise BadRequest(
            f"file is a number from 0 to {ticket.max_files - 1}: which of the ticket's files this is.",
            parameter="file",
            limit=ticket.max_files - 1,
            got=text[:40],
        )
    return int(text)
