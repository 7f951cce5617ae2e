"""Which problems an operation can answer with, and what each looks like, for the OpenAPI document. Pure.

Owns what follows from an operation's shape alone – it asks for a key, has a body, names something – so that
an operation only names what is its own (`Operation.problems`). Statuses, titles and types come from the error
classes themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from atoll.bus import BusUnavailable
from atoll.errors import (
    AtollError,
    BadName,
    BadRequest,
    BodyTimeout,
    Forbidden,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from atoll.http_protocol import HeadersTooLarge
from query_service.catalog_errors import CatalogUnavailable

Problem = type[AtollError]
MEDIA = "application/problem+json"

ALWAYS: tuple[Problem, ...] = (BadRequest, HeadersTooLarge, AtollError)
# Keys, records and orders are in NATS, assets in MongoDB: whoever asks for them may find either away.
AWAY: tuple[Problem, ...] = (Unavailable, BusUnavailable, CatalogUnavailable)
KEYED: tuple[Problem, ...] = (Unauthorized, Forbidden, TooManyRequests, *AWAY)
BODIED: tuple[Problem, ...] = (TooLarge, BodyTimeout)
NAMED: tuple[Problem, ...] = (BadName, NotFound)

_WHOLE: dict[str, Any] = {"type": "integer"}
_TEXT: dict[str, Any] = {"type": "string"}
# The facts that programs go by. Others may be there: which member was wrong, what came, what is known.
_FACTS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "bad-request": {"parameter": _TEXT},
    "bad-name": {"name": _TEXT},
    "bad-transformation": {"parameter": _TEXT, "nearest": _TEXT},
    "too-large": {"limit": _WHOLE, "got": _WHOLE},
    "too-many-files": {"limit": _WHOLE},
    "quota-exceeded": {"bucket": _TEXT, "of": _TEXT, "limit": _WHOLE, "used": _WHOLE, "asked": _WHOLE},
    "headers-too-large": {"max_bytes": _WHOLE},
    "body-timeout": {"seconds": {"type": "number"}},
    "wrong-node": {"node": _TEXT},
    "offset-mismatch": {"offset": _WHOLE, "got": _WHOLE},
    "too-many-requests": {
        "retry_after": {"type": "number"},
        "limit": _WHOLE,
        "burst": _WHOLE,
        "policy": _TEXT,
    },
    "unavailable": {"retry_after": {"type": "number"}},
    "bus-unavailable": {"retry_after": {"type": "number"}},
    "catalog-unavailable": {"retry_after": {"type": "number"}},
    "monitor-unavailable": {"retry_after": {"type": "number"}},
    "overloaded": {"retry_after": {"type": "number"}},
}
# Headers that come with every answer of a status.
_RETRY = {"Retry-After": {"description": "After how many seconds to ask again.", "schema": _WHOLE}}
_BEARER = {"WWW-Authenticate": {"description": "How to say who asks: Bearer.", "schema": _TEXT}}
_HEADERS: Mapping[int, dict[str, Any]] = {401: _BEARER, 429: _RETRY}


def schema_name(problem: Problem) -> str:
    """What the schema of `problem` is called among the document's components."""
    return "InternalProblem" if problem is AtollError else f"{problem.__name__}Problem"


def schema_of(problem: Problem) -> dict[str, Any]:
    """The document of one problem type (RFC 9457), with an example."""
    told = problem("").problem()
    fixed = {name: {"const": told[name]} for name in ("type", "title", "status")}
    return {
        "title": schema_name(problem),
        "description": (problem.__doc__ or problem.title).strip().split("\n\n")[0],
        "type": "object",
        "properties": {**fixed, "detail": _TEXT, **_FACTS.get(problem.slug, {})},
        "required": ["type", "title", "status", "detail"],
        "examples": [{**told, "detail": f"{problem.title}: what happened, and what to do about it."}],
    }


def responses(problems: Iterable[Problem]) -> dict[str, Any]:
    """By status: the answer that is one of these problems."""
    by_status: dict[int, list[Problem]] = {}
    for problem in dict.fromkeys(problems):
        by_status.setdefault(problem.status, []).append(problem)
    return {str(status): _response(status, found) for status, found in sorted(by_status.items())}


def _response(status: int, found: Sequence[Problem]) -> dict[str, Any]:
    references = [{"$ref": f"#/components/schemas/{schema_name(problem)}"} for problem in found]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    written: dict[str, Any] = {
        "description": "; ".join(problem.title for problem in found),
        "content": {MEDIA: {"schema": schema}},
    }
    if status in _HEADERS:
        written["headers"] = _HEADERS[status]
    return written
