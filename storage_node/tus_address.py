"""The URL of one resumable upload: an id nobody can guess, and a token that says it was given out here. Pure.

The token stands in the query, as a ticket does, so that no log of paths has it. It opens this upload on this
node and nothing else; the upload's own expiry ends it.
"""

from __future__ import annotations

import re
import secrets
from urllib.parse import parse_qs, urlsplit

from atoll.errors import BadRequest, Forbidden
from atoll.signing import Keys, derived_key, seal, seal_matches

PREFIX = "/v1/tus"
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def new_upload_id() -> str:
    """128 random bits, in hex."""
    return secrets.token_hex(16)


def is_upload_id(text: str) -> bool:
    """Whether `text` could be one; such a text is a safe file name."""
    return _ID.fullmatch(text) is not None


class TusAddress:
    """Makes and opens the URLs of node `node` at `public_url`."""

    def __init__(self, keys: Keys, node: str, public_url: str) -> None:
        self._key, self._url = derived_key(keys.ticket, "tus", node), public_url.rstrip("/")

    def url(self, upload_id: str) -> str:
        """Where the upload goes on."""
        return f"{self._url}{PREFIX}/{upload_id}?token={seal(self._key, upload_id, b'')}"

    def check(self, upload_id: str, token: str) -> str:
        """`upload_id`, if `token` opens it; `Forbidden` otherwise."""
        if not is_upload_id(upload_id) or not seal_matches(self._key, upload_id, b"", token):
            raise Forbidden(
                "This URL opens no upload here. Use the Location that the creation gave, unchanged."
            )
        return upload_id

    def opened(self, url: str) -> str:
        """The upload id of a part's URL, absolute or a path, in an Upload-Concat."""
        try:
            parts = urlsplit(url)
            tokens = parse_qs(parts.query).get("token", [""])
        except ValueError as error:
            raise BadRequest("A part's URL cannot be read.", header="Upload-Concat") from error
        return self.check(parts.path.rpartition("/")[2], tokens[0])
