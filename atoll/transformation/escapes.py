"""Free text inside a transformation: `%XX` for every character that the grammar itself uses. Pure.

A text overlay may hold a comma, a slash or anything else. As in Cloudinary's URLs such a character is escaped
twice: the URL's own escaping is undone before the grammar looks (`paths`), and what is then still escaped
belongs to the text: `%252C` in a URL is `%2C` here and a comma in the picture.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")


def escaped(text: str) -> str:
    """`text` in letters, digits, `_`, `-`, `~` and escapes: nothing that grammar or file could mistake."""
    return quote(text, safe="").replace(".", "%2E")


def unescaped(text: str) -> str:
    """What `text` stands for; a `%` without two digits stands for itself. ValueError when it is no UTF-8."""
    if not _ESCAPED.search(text):
        return text
    return unquote_to_bytes(text).decode()
