"""Context, title and alternative text in the query string of an upload. Pure.

`context=key=value|key=value`: see `atoll.context_text`. Lengths are looked at where all words are
(`atoll.asset_text`).
"""

from __future__ import annotations

from typing import TypedDict

from aiohttp import web

from atoll.context_text import context_of

WORDS = frozenset({"context", "title", "alt"})


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
