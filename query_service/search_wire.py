"""What a search is asked: the body of POST /v1/search and, the same, the query of GET /v1/assets.

Owns the limits of a search, and how its parameters are spelt. Refuses with `BadRequest` what is too much,
contradicts itself or cannot be an answer of one index (`search_plan`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from atoll.errors import BadRequest
from atoll.model import Extension, Tag
from query_service.query_input import flag, whole_number

MAX_QUERY_WORDS = 8
MAX_SEARCH_TAGS = 32
MAX_NUMBER = 10**12 - 1  # MongoDB takes none of 2**63 and more

Sort = Literal[
    "public_id", "-public_id", "created_at", "-created_at", "bytes", "-bytes",
    "width", "-width", "height", "-height",
]  # fmt: skip
Orientation = Literal["landscape", "portrait", "square"]
Moment = Annotated[str, Meta(max_length=40)]
Figure = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]


class SearchOrder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A search in one bucket: what is given must all hold.

    `tags`: all of them. `q`: each word begins a word of title, alternative text or public_id. `color`: one of
    twelve names, or a colour whose family is meant. `has_faces`: only images that were looked at. Times
    are RFC 3339, from `created_after` (included) to `created_before` (not). `sort`: a minus is the other way
    round; without it by public_id, with `q` the newest first. `fields`: only these members of each asset.
    """

    bucket: Annotated[str, Meta(max_length=1024)]
    prefix: Annotated[str, Meta(max_length=1024)] = ""
    tags: Annotated[tuple[Tag, ...], Meta(max_length=MAX_SEARCH_TAGS)] = ()
    format: Extension | None = None
    orientation: Orientation | None = None
    color: Annotated[str, Meta(max_length=40)] | None = None
    has_faces: bool | None = None
    min_bytes: Figure | None = None
    max_bytes: Figure | None = None
    min_width: Figure | None = None
    max_width: Figure | None = None
    min_height: Figure | None = None
    max_height: Figure | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    q: Annotated[str, Meta(max_length=256)] | None = None
    sort: Sort | None = None
    fields: Annotated[tuple[str, ...], Meta(max_length=32)] = ()
    limit: Annotated[int, Meta(ge=1)] | None = None
    cursor: Annotated[str, Meta(max_length=1024)] | None = None


_NUMBERS = ("min_bytes", "max_bytes", "min_width", "max_width", "min_height", "max_height")
_TEXTS = ("format", "orientation", "color", "created_after", "created_before", "q", "sort", "cursor")
_LISTS = ("tags", "fields")
# in a query string, beside what a plain listing knows
SEARCH_PARAMETERS = frozenset({*_NUMBERS, *_TEXTS, *_LISTS, "has_faces"})


def order_of(request: web.Request, bucket: str, prefix: str, limit: int) -> SearchOrder:
    """The search in a query string; lists are separated by commas. `check_query` was called."""
    given: dict[str, object] = {name: request.query[name] for name in _TEXTS if name in request.query}
    given |= {
        name: whole_number(request, name, 0, 0, MAX_NUMBER) for name in _NUMBERS if name in request.query
    }
    given |= {name: _listed(request.query[name]) for name in _LISTS if name in request.query}
    if "has_faces" in request.query:
        given["has_faces"] = flag(request, "has_faces")
    try:
        return msgspec.convert({"bucket": bucket, "prefix": prefix, "limit": limit, **given}, SearchOrder)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The search cannot be understood: {error}.") from error


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def moment_ms(name: str, text: str) -> int:
    """RFC 3339, or a date alone (its first moment, in UTC), as Unix milliseconds."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            if len(text) != len("2026-01-31"):
                raise ValueError("no time zone")
            moment = moment.replace(tzinfo=UTC)
        return max(0, int(moment.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            f"{name} is a date as 2026-01-31, or a time with its zone as 2026-01-31T12:00:00Z.",
            parameter=name,
            got=text,
        ) from error
