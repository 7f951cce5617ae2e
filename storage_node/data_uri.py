"""A data URI (RFC 2397) as the bytes it carries, piece by piece: `data:image/png;base64,iVBORw0…`. Pure.

Only base64 in its standard alphabet is taken; line breaks in it are passed over, and `+`, `/` and `=` may be
percent-encoded, as what escapes a URL does. Refuses everything else with `NotAnImage`. Called by
data_uri_body.py.
"""

from __future__ import annotations

import binascii
import re

from atoll.errors import NotAnImage

PREFIX = b"data:"
MAX_HEAD_BYTES = 256  # up to the comma: a media type, perhaps parameters
_HEAD = re.compile(rb"data:([A-Za-z0-9.+/-]{0,127})((?:;[^,;]{1,100})*);base64,", re.IGNORECASE)
_ESCAPES = ((b"%2b", b"+"), (b"%2f", b"/"), (b"%3d", b"="), (b"%0d", b""), (b"%0a", b""))
_ESCAPE = re.compile(rb"%(?:2b|2f|3d|0d|0a)", re.IGNORECASE)
_SPACE = b"\r\n"


def is_data_uri(beginning: bytes) -> bool:
    """Whether a body begins as a data URI does; no image does."""
    return beginning[: len(PREFIX)].lower() == PREFIX


def most_encoded(max_bytes: int) -> int:
    """How long a data URI of `max_bytes` may be: each line ended, or every sign of it escaped for a URL."""
    return MAX_HEAD_BYTES + 4 * max_bytes + 4


class DataUriDecoder:
    """Fed with the pieces of one data URI; `media_type` is known once `feed` has given its first bytes."""

    def __init__(self) -> None:
        self.media_type: str | None = None
        self._held = b""  # what is not whole yet: the head, an escape, a group of four
        self._in_head, self._padded = True, False

    def feed(self, piece: bytes) -> bytes:
        """The bytes that `piece` completes. Blocks for as long as decoding takes."""
        data = self._held + piece
        self._held = b""
        if self._in_head:
            data = self._after_head(data)
        return b"" if self._in_head else self._decoded(data)

    def finish(self) -> None:
        """`NotAnImage` when it ended in the middle."""
        if self._in_head:
            raise _broken("it has no ;base64, within its first 256 bytes")
        if self._held:
            raise _broken("its base64 ends in the middle of a group of four")

    def _after_head(self, data: bytes) -> bytes:
        comma = data.find(b",", 0, MAX_HEAD_BYTES)
        if comma < 0:
            if len(data) >= MAX_HEAD_BYTES:
                raise _broken("it has no ;base64, within its first 256 bytes")
            self._held = data
            return b""
        match = _HEAD.fullmatch(data, 0, comma + 1)
        if match is None:
            raise _broken("it begins with data:TYPE;base64, and nothing else is taken")
        self._in_head, self.media_type = False, match[1].decode().lower()
        return data[comma + 1 :]

    def _decoded(self, data: bytes) -> bytes:
        if b"%" in data:
            data = self._unescaped(data)
        data = data.translate(None, _SPACE)
        escape = data.rfind(b"%")
        whole = (len(data) if escape < 0 else escape) // 4 * 4
        data, self._held = data[:whole], data[whole:]
        if not data:
            return b""
        if self._padded:
            raise _broken("something follows the = at its end")
        self._padded = data.endswith(b"=")
        try:
            return binascii.a2b_base64(data, strict_mode=True)
        except binascii.Error as error:
            raise _broken(f"its base64 cannot be read ({error})") from error

    def _unescaped(self, data: bytes) -> bytes:
        """Without escapes; one that is cut off at the end stays, to be completed by the next piece."""
        signs = dict(_ESCAPES)
        data = _ESCAPE.sub(lambda match: signs[match[0].lower()], data)
        if b"%" in data[:-2]:
            raise _broken("its base64 has a sign that is none")
        return data


def _broken(why: str) -> NotAnImage:
    return NotAnImage(f"This data URI cannot be read: {why}.")
