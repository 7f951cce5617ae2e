"""Who uploaded: how it is written in a ticket, a record and the history. Pure.

    shop                    the API key shop
    shop/3f9a…              the browser session 3f9a… of the application that has that key
    upload:kiosk[/3f9a…]    the upload key kiosk, which signs tickets offline

A session is a word that an application makes up for a visitor; it means nothing outside that application's
key, so no key sees another's sessions.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from msgspec import Meta

from atoll.errors import BadRequest

_SESSION = r"^[A-Za-z0-9._-]{1,64}$(?!\n)"
Session = Annotated[str, Meta(pattern=_SESSION)]
_MAX_KEY = 60
_OFFLINE = "upload:"


def check_session(session: str | None) -> str | None:
    """A session from a query string; `BadRequest`."""
    if session is not None and not re.match(_SESSION, session):
        raise BadRequest("session is 1 to 64 of A-Z, a-z, 0-9, dot, hyphen and _.", parameter="session")
    return session


def uploader(key: str, session: str | None = None) -> str:
    """An API key, or a session of its application. A name that no map has, from a file, may be long."""
    if len(key) > _MAX_KEY or "/" in key or key.startswith(_OFFLINE):
        key = "~" + hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{key}/{session}" if session else key


def offline_uploader(upload_key: str, session: str | None = None) -> str:
    """An upload key, or a session of its application."""
    return f"{_OFFLINE}{upload_key}" + (f"/{session}" if session else "")


def key_part(by: str) -> str:
    """Without the session."""
    return by.partition("/")[0]
