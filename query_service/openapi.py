"""How an operation of an HTTP interface is written down, before it becomes an OpenAPI document. Pure.

Which operations there are is in openapi_operations.py and its neighbours, what a node offers in
openapi_node.py; openapi_document.py makes the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from query_service.openapi_problems import Problem

JSON = "application/json"
OPEN: tuple[Mapping[str, Sequence[str]], ...] = ({},)  # who brings no credentials is let in, too


class ProblemDocument(Struct):
    """An error (RFC 9457): `title` says what kind, `detail` what happened; further members are the facts."""

    type: str
    title: str
    status: int
    detail: str


@dataclass(frozen=True)
class Answer:
    """One way an operation ends well: a type in JSON, a media type without a schema, or no body.

    `headers`: what the answer says beside its body, each with a sentence.
    """

    says: str
    kind: Any = None
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One method of one path. `scope` is what the API key must have; None: no key is asked for.

    `problems`: those that do not follow from its shape (openapi_problems.py). `security`: what else than an
    API key opens it. `takes`: the media types of a body that is not JSON. `request_headers`: by name.
    """

    method: str
    path: str
    scope: str | None
    says: str
    answers: Mapping[int, Answer]
    query: Sequence[str] = ()
    body: Any = None
    tag: str = "assets"
    needed: Sequence[str] = ()  # the parameters of the query string that must be there
    problems: Sequence[Problem] = ()
    security: Sequence[Mapping[str, Sequence[str]]] = ()
    takes: Sequence[str] = ()
    request_headers: Sequence[str] = ()

    @property
    def key(self) -> str:
        """What links call it."""
        return f"{self.method} {plain_path(self.path)}"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query string, path or header."""

    says: str
    kind: Any = str
    example: Any = None


@dataclass(frozen=True)
class Interface:
    """What a document is about, beside its operations."""

    title: str
    about: str
    server: Mapping[str, Any]
    security: Mapping[str, Any]
    tags: Mapping[str, str]


def plain_path(path: str) -> str:
    """A route's path without the patterns of its variables: `{public_id:.+}` is `{public_id}`."""
    return re.sub(r"{(\w+):[^}]*}", r"{\1}", path)
