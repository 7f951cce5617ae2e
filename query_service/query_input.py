"""What handlers take out of a request's path and query string, checked.

Owns the limits of what stands in a URL; bodies are read by `atoll.http.read_json`. Refuses with
`BadRequest` or `BadName` what is too long, unknown or outside its grammar: a misspelt parameter that
silently does nothing is worse than an error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from aiohttp import web

from atoll import names
from atoll.errors import BadName, BadRequest

MAX_QUERY_CHARS = 4096
MAX_PREFIX_BYTES = names.MAX_PUBLIC_ID_BYTES
MAX_TAGS = 32
MAX_TAG_CHARS = 64
POSITION = frozenset({"lat", "lon", "region"})

_WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.ASCII | re.IGNORECASE)
_ASSET_ID = re.compile(r"[0-9a-z]{26}", re.ASCII)


def check_query(request: web.Request, allowed: Collection[str]) -> None:
    """`BadRequest` unless the query string is short and has only `allowed` parameters, each once."""
    if not (text := request.query_string):
        return
    if len(text) > MAX_QUERY_CHARS:
        raise BadRequest("The query string is too long.", limit=MAX_QUERY_CHARS, got=len(text))
    for name in request.query:
        if name not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise BadRequest(
                f"The parameter {name[:40]!r} is unknown here; known: {known}.", parameter=name[:40]
            )
        first, *more = request.query.getall(name)
        if more:
            raise BadRequest(f"The parameter {name!r} comes twice.", parameter=name)
        if "\ufffd" in first:  # what a decoder puts where bytes are no UTF-8: two names would become one
            raise BadRequest(f"The parameter {name!r} is not UTF-8.", parameter=name)


def asset_id_of(request: web.Request) -> str:
    """The asset id in the path."""
    return check_asset_id(request.match_info["asset_id"])


def check_asset_id(value: str) -> str:
    """26 of 0-9 and a-z."""
    if not _ASSET_ID.fullmatch(value):
        raise BadName("asset_id is 26 of 0-9 and a-z", name="asset_id", got=value[:80])
    return value


def wait_of(request: web.Request) -> float | None:
    """How many seconds the client would wait (`Prefer: wait=5`, RFC 7240 section 4.3); None: it says nothing.

    What cannot be read is no preference, as the RFC has it; of several the first counts.
    """
    preferences = ",".join(request.headers.getall("Prefer", ())).split(",")
    return next((float(said[1]) for text in preferences if (said := _WAIT.fullmatch(text))), None)


def needed(request: web.Request, name: str) -> str:
    """A parameter that must be there."""
    value = request.query.get(name)
    if value is None:
        raise BadRequest(f"The parameter {name} is missing.", parameter=name)
    return value


def whole_number(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number from low to high, or `default`."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and low <= int(text) <= high):
        raise BadRequest(
            f"{name} is a whole number from {low} to {high}.", parameter=name, got=text[:40], limit=high
        )
    return int(text)


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """true or false; `default` when it is not there."""
    text = request.query.get(name, "true" if default else "false")
    if text not in {"true", "false"}:
        raise BadRequest(f"{name} is true or false.", parameter=name, got=text[:40])
    return text == "true"


def limited(name: str, number: int, high: int) -> int:
    """A number of a body, at most `high`."""
    if number > high:
        raise BadRequest(f"{name} is at most {high}.", parameter=name, got=number, limit=high)
    return number


def checked_prefix(text: str) -> str:
    """The start of public_ids, in the form they are kept in (NFC); empty for all."""
    prefix = unicodedata.normalize("NFC", text)
    if len(prefix.encode(errors="replace")) > MAX_PREFIX_BYTES:
        raise BadRequest("prefix is too long.", parameter="prefix", limit=MAX_PREFIX_BYTES)
    if not prefix.isprintable():
        raise BadRequest("prefix has no control characters.", parameter="prefix")
    return prefix


def tags_of(request: web.Request) -> tuple[str, ...]:
    """Tags, separated by commas."""
    tags = tuple(tag.strip() for tag in request.query.get("tags", "").split(",") if tag.strip())
    if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG_CHARS for tag in tags):
        raise BadRequest(
            f"tags are up to {MAX_TAGS} words of up to {MAX_TAG_CHARS} characters, separated by commas.",
            parameter="tags",
            limit=MAX_TAGS,
            got=len(tags),
        )
    return tags
