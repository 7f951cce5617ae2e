"""A data URI (RFC 2397) as the bytes it carries: `data:image/png;base64,iVBORw0…`. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from atoll.errors import NotAnImage

_HEAD = re.compile(r"data:([A-Za-z0-9.+/-]{0,127})(?:;[^,;]{1,100})*;base64,", re.IGNORECASE)


def is_data_uri(text: str) -> bool:
    """Whether it begins as one."""
    return text[:5].lower() == "data:"


def data_of(text: str) -> tuple[str | None, bytes]:
    """The media type that a base64 data URI declares (None: none), and its bytes; `NotAnImage`."""
    head = _HEAD.match(text[:256])
    if head is None:
        raise NotAnImage("A data URI begins with data:TYPE;base64, here.")
    try:
        body = unquote_to_bytes(text[head.end() :]).translate(None, b"\r\n")
        return head[1].lower() or None, base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAnImage(f"The base64 of this data URI cannot be read: {error}.") from error
