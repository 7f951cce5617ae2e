"""Cursors of listings and searches: where a page ended. Pure.

A cursor names the last asset of its page by what pages are sorted by, so assets that come and go between two
pages move nothing. It begins with the sort, for in another order it would mean another place; only that of
the plain listing, which is older than sorts, is the name alone. Refuses what is not ours with `BadRequest`.
"""

from __future__ import annotations

import base64
import binascii
import re

from atoll.errors import BadName, BadRequest
from atoll.names import check_public_id

_PLAIN = "public_id"
_KEY = re.compile(r"[0-9]{14}[0-9a-z]{26}", re.ASCII)


def write_cursor(key: str, sort: str) -> str:
    """The cursor behind the asset with this sort key."""
    text = base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode()
    return text if sort == _PLAIN else f"{sort}.{text}"


def read_cursor(cursor: str, sort: str) -> str:
    """The sort key in it."""
    written_for, dot, text = cursor.rpartition(".")
    if (written_for if dot else _PLAIN) != sort:
        raise BadRequest("The cursor is one of another sort; leave it out.", parameter="cursor")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        return check_public_id(key) if sort.removeprefix("-") == _PLAIN else _check_key(key)
    except (binascii.Error, ValueError, BadName):
        raise _not_ours() from None


def _check_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError("not a sort key")
    return key


def _not_ours() -> BadRequest:
    return BadRequest("The cursor is not one of ours; leave it out.", parameter="cursor")
