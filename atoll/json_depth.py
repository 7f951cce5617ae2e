"""How deep a JSON text is nested, told before it is parsed. Pure.

A parser recurses, and its own limit is Python's: here the limit is a number. The text is looked at with a few
passes of the C runtime, so that a large and honest body costs little: strings are cut out, all but brackets
is dropped, and each pass removes the innermost pairs. What is then left is deeper than allowed, or no
JSON; the parser knows which.
"""

from __future__ import annotations

import re

_DULL = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_ALIKE = bytes.maketrans(b"{}", b"[]")  # one kind: else "[[{}]]" would lose two levels in one pass
_ESCAPED = re.compile(rb"\\.", re.DOTALL)


def is_deeper(text: bytes, most: int) -> bool:
    """Whether objects and lists in `text` lie in each other more than `most` deep."""
    if text.count(b"[") + text.count(b"{") <= most:
        return False
    if b"\\" in text:
        text = _ESCAPED.sub(b"", text)
    # Two quotes side by side change no other's meaning: most strings go in one pass.
    rest = text.translate(_ALIKE, _DULL).replace(b'""', b"")
    rest = b"".join(rest.split(b'"')[::2])
    for _ in range(most):
        if not rest:
            break
        rest = rest.replace(b"[]", b"")  # the innermost, all of them and no others
    return b"[" in rest
