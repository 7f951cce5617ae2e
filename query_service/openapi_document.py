"""The OpenAPI document of an HTTP interface, made from a table of operations and the wire types. Pure.

A type's schema, limits and sentence come from the type itself, so that they cannot disagree with what is
checked; statuses and problem types from the error classes. Called by openapi_api.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from atoll.version import __version__
from query_service.openapi import JSON, Answer, Interface, Operation, Parameter, plain_path
from query_service.openapi_examples import EXAMPLES
from query_service.openapi_links import LINKS, written
from query_service.openapi_problems import ALWAYS, BODIED, KEYED, NAMED, Problem, responses
from query_service.openapi_problems import schema_name as problem_name
from query_service.openapi_problems import schema_of as problem_schema


def document(
    interface: Interface,
    operations: Iterable[Operation],
    parameters: Mapping[str, Parameter],
    further: Iterable[type] = (),
) -> dict[str, Any]:
    """The whole, as OpenAPI 3.1. `parameters` describes every name in a path, query string or header;
    `further` are types that only others refer to.
    """
    operations = list(operations)
    kinds = _kinds(operations, parameters, further)
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of = {repr(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    ids = {operation.key: _name(operation) for operation in operations}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        made = _operation(operation, parameters, schema_of, ids)
        paths.setdefault(plain_path(operation.path), {})[operation.method.lower()] = made
    for name in EXAMPLES.keys() & components.keys():
        components[name]["examples"] = [EXAMPLES[name]]
    met = {problem for operation in operations for problem in problems_of(operation)}
    problems = {problem_name(problem): problem_schema(problem) for problem in met}
    used = {operation.tag for operation in operations}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": interface.title,
            "version": __version__,
            "description": interface.about,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [interface.server],
        "tags": [{"name": n, "description": says} for n, says in interface.tags.items() if n in used],
        "paths": paths,
        "components": {
            "schemas": dict(sorted((components | problems).items())),
            "securitySchemes": dict(interface.security),
        },
    }


def problems_of(operation: Operation) -> tuple[Problem, ...]:
    """Every problem it can end with: its own, and those that follow from its shape."""
    return tuple(
        dict.fromkeys(
            (
                *ALWAYS,
                *(KEYED if operation.scope else ()),
                *(BODIED if operation.body is not None else ()),
                *(NAMED if _names_something(operation) else ()),
                *operation.problems,
            )
        )
    )


def _names_something(operation: Operation) -> bool:
    return "{" in operation.path or operation.body is not None or "bucket" in operation.query


def _kinds(
    operations: Sequence[Operation], parameters: Mapping[str, Parameter], further: Iterable[type]
) -> list[Any]:
    kinds: dict[str, Any] = {}
    for kind in (
        *further,
        *(parameter.kind for parameter in parameters.values()),
        *(operation.body for operation in operations if operation.body is not None),
        *(a.kind for operation in operations for a in operation.answers.values() if a.kind is not None),
    ):
        kinds[repr(kind)] = kind
    return list(kinds.values())


def _operation(
    operation: Operation,
    parameters: Mapping[str, Parameter],
    schema_of: Mapping[str, Any],
    ids: Mapping[str, str],
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": operation.says,
        "operationId": _name(operation),
        "tags": [operation.tag],
        "security": [*_key(operation), *operation.security],
        "parameters": list(_parameters(operation, parameters, schema_of)),
        "responses": {
            **{
                str(status): _answer(operation, status, answer, schema_of, ids)
                for status, answer in sorted(operation.answers.items())
            },
            **responses(problems_of(operation)),
        },
    }
    content = _content(operation, schema_of)
    if content:
        made["requestBody"] = {"required": True, "content": content}
    return made


def _key(operation: Operation) -> list[dict[str, list[str]]]:
    return [{"apiKey": [operation.scope]}] if operation.scope else []


def _content(operation: Operation, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {media: {"schema": _bytes_schema(media)} for media in operation.takes}
    if operation.body is not None:
        content[JSON] = {"schema": schema_of[repr(operation.body)]}
    return content


def _bytes_schema(media: str) -> dict[str, Any]:
    """Raw bytes have no schema; a form has parts named `file`."""
    if not media.startswith("multipart/"):
        return {}
    files = {"type": "array", "items": {"contentMediaType": "application/octet-stream"}, "minItems": 1}
    return {"type": "object", "properties": {"file": files}, "required": ["file"]}


def _name(operation: Operation) -> str:
    words = re.findall(r"[a-z]+", operation.path.removeprefix("/v1").lower().replace("_id", ""))
    return "_".join([operation.method.lower(), *words])


def _parameters(
    operation: Operation, parameters: Mapping[str, Parameter], schema_of: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    in_path = re.findall(r"{(\w+)", operation.path)
    places = (("path", in_path), ("query", operation.query), ("header", operation.request_headers))
    for place, names in places:
        for name in names:
            parameter = parameters[name]
            needed = place == "path" or name in operation.needed
            told = {"name": name, "in": place, "required": needed, "description": parameter.says}
            told["schema"] = schema_of[repr(parameter.kind)]
            if parameter.example is not None:
                told["example"] = parameter.example
            yield told


def _answer(
    operation: Operation, status: int, answer: Answer, schema_of: Mapping[str, Any], ids: Mapping[str, str]
) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.says}
    if answer.headers:
        told["headers"] = {
            n: {"description": s, "schema": {"type": "string"}} for n, s in answer.headers.items()
        }
    if answer.kind is not None:
        told["content"] = {answer.media: {"schema": schema_of[repr(answer.kind)]}}
    elif answer.media != JSON:
        told["content"] = {answer.media: {"schema": {"type": "string"} if "text" in answer.media else {}}}
    links = LINKS.get((operation.key, status), ())
    if links and operation.scope:  # those of nodes have the same paths and are no links of ours
        told["links"] = written(links, ids)
    return told
