"""The OpenAPI document of the HTTP interface, made from a table of operations and the wire types. Pure.

Owns how an operation is written down; which operations there are is in openapi_operations.py and
openapi_upkeep.py. A type's schema, limits and sentence come from the type itself, so that they cannot
disagree with what the service checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from atoll.version import __version__

_ABOUT = """\
Tickets, assets and where to get them. No image byte passes through this service: uploads go to the node that
a ticket names (`PUT` or `POST` to its `upload_url`), images are fetched from the URLs given here.

An upload is durable when its node answers 201; the catalog behind this interface hears of it by event,
usually within a tenth of a second. Until then an asset is "not found" by id or name, while its URL and its
handle work.

Every GET may be asked with HEAD. Unknown query parameters are refused, except on `/i/…`, `/health`,
`/metrics` and `/openapi.json`. Errors are problem documents (RFC 9457); what they name beyond the four common
members are the facts: the limit, what came, when to ask again.
"""


class ProblemDocument(Struct):
    """An error (RFC 9457): `title` says what kind, `detail` what happened; further members are the facts."""

    type: str
    title: str
    status: int
    detail: str


@dataclass(frozen=True)
class Answer:
    """One way an operation ends well: a type in JSON, a media type without a schema, or no body."""

    says: str
    kind: Any = None
    media: str = "application/json"


@dataclass(frozen=True)
class Operation:
    """One method of one path. `scope` is what the API key must have; None: no key is asked for."""

    method: str
    path: str
    scope: str | None
    says: str
    answers: Mapping[int, Answer]
    query: Sequence[str] = ()
    body: Any = None
    tag: str = "assets"
    needed: Sequence[str] = ()  # the parameters of the query string that must be there


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query string or path."""

    says: str
    kind: Any = str


def document(
    operations: Iterable[Operation], parameters: Mapping[str, Parameter], further: Iterable[type]
) -> dict[str, Any]:
    """The whole, as OpenAPI 3.1. `parameters` describes every name in a path or query string; `further` are
    types that only others refer to.
    """
    operations = list(operations)
    kinds = _kinds(operations, parameters, further)
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of = {repr(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        written = _operation(operation, parameters, schema_of)
        paths.setdefault(plain_path(operation.path), {})[operation.method.lower()] = written
    problem = {"application/problem+json": {"schema": schema_of[repr(ProblemDocument)]}}
    key_says = "An API key; its scopes are read, write, delete, admin."
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Atoll query service",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Any query service of the cluster: they are alike."}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {"Problem": {"description": "A problem document", "content": problem}},
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "description": key_says}},
        },
    }


def plain_path(path: str) -> str:
    """A route's path without the patterns of its variables: `{public_id:.+}` is `{public_id}`."""
    return re.sub(r"{(\w+):[^}]*}", r"{\1}", path)


def _kinds(
    operations: Sequence[Operation], parameters: Mapping[str, Parameter], further: Iterable[type]
) -> list[Any]:
    kinds: dict[str, Any] = {repr(ProblemDocument): ProblemDocument}
    for kind in (
        *further,
        *(parameter.kind for parameter in parameters.values()),
        *(operation.body for operation in operations if operation.body is not None),
        *(a.kind for operation in operations for a in operation.answers.values() if a.kind is not None),
    ):
        kinds[repr(kind)] = kind
    return list(kinds.values())


def _operation(
    operation: Operation, parameters: Mapping[str, Parameter], schema_of: Mapping[str, Any]
) -> dict[str, Any]:
    in_path = re.findall(r"{(\w+)", operation.path)
    written: dict[str, Any] = {
        "summary": operation.says,
        "operationId": _name(operation),
        "tags": [operation.tag],
        "security": [{"apiKey": [operation.scope]}] if operation.scope else [],
        "parameters": [
            *(_parameter(name, "path", True, parameters[name], schema_of) for name in in_path),
            *(
                _parameter(name, "query", name in operation.needed, parameters[name], schema_of)
                for name in operation.query
            ),
        ],
        "responses": {
            **{str(status): _answer(answer, schema_of) for status, answer in operation.answers.items()},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if operation.body is not None:
        content = {"application/json": {"schema": schema_of[repr(operation.body)]}}
        written["requestBody"] = {"required": True, "content": content}
    return written


def _name(operation: Operation) -> str:
    words = re.findall(r"[a-z]+", operation.path.removeprefix("/v1").lower().replace("_id", ""))
    return "_".join([operation.method.lower(), *words])


def _parameter(
    name: str, place: str, needed: bool, parameter: Parameter, schema_of: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": needed,
        "description": parameter.says,
        "schema": schema_of[repr(parameter.kind)],
    }


def _answer(answer: Answer, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    if answer.kind is None and answer.media == "application/json":
        return {"description": answer.says}
    schema = schema_of[repr(answer.kind)] if answer.kind is not None else {"type": "string"}
    return {"description": answer.says, "content": {answer.media: {"schema": schema}}}
