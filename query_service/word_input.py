"""Context, title and alternative text in the query string of an upload. Pure.

`context=key=value|key=value`, as Cloudinary writes it: `\\|`, `\\=` and `\\\\` are the characters themselves.
Lengths are looked at where all words are (`atoll.asset_text`).
"""

from __future__ import annotations

import re
from typing import TypedDict

from aiohttp import web

from atoll.errors import BadRequest

WORDS = frozenset({"context", "title", "alt"})

_PART = re.compile(r"(?:[^\\|]|\\.)+", re.DOTALL)
_PAIR = re.compile(r"((?:[^\\=]|\\.)+)=(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Words(TypedDict):
    """As members of an `UploadOrder`."""

    context: dict[str, str]
    title: str
    alt: str


def words_of(request: web.Request) -> Words:
    """What the query string says; `BadRequest` for a context that is no list of pairs."""
    query = request.query
    return Words(
        context=context_of(query.get("context", "")), title=query.get("title", ""), alt=query.get("alt", "")
    )


def context_of(text: str) -> dict[str, str]:
    """The pairs in `text`."""
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
