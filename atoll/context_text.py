r"""A context written as one text: `key=value|key=value`, as Cloudinary has it. Pure.

`\|`, `\=` and `\\` are the characters themselves. Lengths and characters are looked at where all words are
(asset_text.py). Called for query strings by the query service and for fields of forms by nodes.
"""

from __future__ import annotations

import re

from atoll.errors import BadRequest

_PART = re.compile(r"(?:[^\\|]|\\.)+", re.DOTALL)
_PAIR = re.compile(r"((?:[^\\=]|\\.)+)=(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def context_of(text: str) -> dict[str, str]:
    """The pairs in `text`; `BadRequest` for what is no list of pairs."""
    pairs: dict[str, str] = {}
    for part in _PART.findall(text):
        found = _PAIR.fullmatch(part)
        if found is None or (key := _plain(found[1])) in pairs:
            raise BadRequest(
                "context is key=value|key=value, each key once; \\ before |, = and \\ themselves.",
                parameter="context",
                got=part[:80],
            )
        pairs[key] = _plain(found[2])
    return pairs


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
