"""docs/reference/http.md: every operation of the HTTP interfaces, from the tables that OpenAPI is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from making.markdown import code, page, table
from query_service.openapi import Operation, plain_path
from query_service.openapi_about import NODE, QUERY
from query_service.openapi_api import OPERATIONS, node_document, query_document
from query_service.openapi_node import NODE_OPERATIONS
from query_service.openapi_page import page as served_page

_INTRO = """\
All that can be asked, a line each. Parameters, bodies, answers, examples, and which answer leads to
which request, are at `/docs` of every query service, and in [openapi.json](../openapi.json) and
[openapi-node.json](../openapi-node.json). What all have in common – errors, limits, throttling – is in
[The API](../api.md).

*Needs*: the scope of the API key. Without one anybody may ask, or it takes a ticket, a signature or a
token."""


def operations_page() -> str:
    """The page."""
    return page(
        "# HTTP operations",
        _INTRO,
        "## Query services",
        *_sections(OPERATIONS, QUERY.tags),
        "## Storage nodes",
        *_sections(NODE_OPERATIONS, NODE.tags),
    )


def whole_api() -> str:
    """What a query service shows at /docs, to lie beside the built pages."""
    served = served_page(query_document(), node_document())
    for file in ("openapi.json", "openapi-node.json"):
        served = served.replace(f'href="/{file}"', f'href="{file}"')
    return served


def _sections(operations: Sequence[Operation], tags: Mapping[str, Any]) -> list[str]:
    parts = []
    for tag, says in tags.items():
        rows = [_row(each) for each in operations if each.tag == tag]
        if rows:
            parts += [f"**{tag}.** {says}", table(["request", "does", "needs"], rows)]
    return parts


def _row(operation: Operation) -> tuple[str, ...]:
    return (
        code(f"{operation.method} {plain_path(operation.path)}"),
        operation.says,
        code(operation.scope or ""),
    )
