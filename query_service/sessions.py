"""Sessions of the web app: an API key, named in a cookie that every query service can read. Pure.

A session is sealed with a key of the cluster secret, so no service keeps any. It names the API key by its id
and a mark of its secret; never the secret, nor its hash. So a session ends by itself, with its API key
(revoked, expired), and when the secret that it was opened with ends after a rotation. What cannot be taken
back alone is one copied cookie: signing out forgets it in one browser.

Called by session_api.py, which opens them, and callers.py, which believes them.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from atoll.api_keys import ApiKey, ApiKeys
from atoll.errors import Unauthorized
from atoll.signing import Keys, base64url, from_base64url, seal, seal_matches

MAX_SESSION_CHARS = 1024
_COOKIE, _SECRET = "cookie", "secret"  # what a seal is for
_MARK_CHARS = 22


class Session(Struct, frozen=True):
    """Who signed in: the API key's id, the mark of the secret that was shown, until when (Unix ms)."""

    key: str
    mark: str
    until: int


class Sessions:
    """Opens sessions of `seconds`, and reads them. `clock_ms` gives Unix milliseconds."""

    def __init__(self, keys: Keys, api_keys: ApiKeys, seconds: int, clock_ms: Callable[[], int]) -> None:
        self._seal, self._api_keys = keys.session, api_keys
        self._seconds, self._clock_ms = seconds, clock_ms

    def open(self, secret: str) -> tuple[ApiKey, Session]:
        """A session for whoever has this API key; `Unauthorized`."""
        key = self._api_keys.known(secret)
        until = self._clock_ms() + self._seconds * 1000
        return key, Session(key.id, self._mark(key), until if key.until is None else min(until, key.until))

    def write(self, session: Session) -> str:
        """As a cookie's value."""
        body = msgspec.json.encode(session)
        return f"{base64url(body)}.{seal(self._seal, _COOKIE, body)}"

    def read(self, value: str) -> tuple[ApiKey, Session]:
        """The API key of a cookie's value, as it is now; `Unauthorized` when the session has ended."""
        session = self._unsealed(value)
        if self._clock_ms() >= session.until:
            raise Unauthorized("This session has ended; sign in again.", expired_at=session.until)
        for key in self._api_keys.secrets_of(session.key):
            if self._mark(key) == session.mark:
                return key, session
        raise Unauthorized("The API key of this session is no more; sign in with another one.")

    def seconds_left(self, session: Session) -> int:
        """Until it ends by itself."""
        return max(0, (session.until - self._clock_ms()) // 1000)

    def _mark(self, key: ApiKey) -> str:
        """Tells two secrets apart, and says nothing of either."""
        return seal(self._seal, _SECRET, key.sha256.encode())[:_MARK_CHARS]

    def _unsealed(self, value: str) -> Session:
        body, _, mark = value.partition(".")
        try:
            if len(value) > MAX_SESSION_CHARS:
                raise ValueError("too long")
            opened = from_base64url(body)
            if not seal_matches(self._seal, _COOKIE, opened, mark):
                raise ValueError("the seal is wrong")
            return msgspec.json.decode(opened, type=Session)
        except (ValueError, msgspec.MsgspecError) as error:
            raise Unauthorized("This session is none of ours; sign in again.") from error
