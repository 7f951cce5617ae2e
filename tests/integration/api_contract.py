"""The OpenAPI document as a judge: every answer that a test of the query service gets is held to it.

What no test meets, test_api_fuzz.py asks for. Judged are the status and the body; what no operation is (an
unknown path, 405) has no place in the document, and /metrics and the page are no JSON.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import jsonschema_rs

from query_service.openapi_api import query_document

HINT = "name it in query_service/openapi_*.py (`problems=`, `answers=`), then run `make openapi`"


@functools.cache
def _document() -> dict[str, Any]:
    return query_document()


@functools.cache
def _operations() -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    return [
        (method.upper(), re.compile(_pattern(path)), operation)
        for path, item in _document()["paths"].items()
        for method, operation in item.items()
    ]


def _pattern(path: str) -> str:
    """A name may have slashes in it."""
    wide = {"public_id", "name"}
    return re.sub(r"{(\w+)}", lambda found: ".+" if found[1] in wide else "[^/]+", path)


@functools.cache
def _validator(operation_id: str, status: str, media: str) -> Any:
    operation = next(o for _, _, o in _operations() if o["operationId"] == operation_id)
    schema = operation["responses"][status]["content"][media]["schema"]
    return jsonschema_rs.validator_for({**schema, "components": _document()["components"]})


def broken_word(method: str, path: str, status: int, content_type: str, body: object) -> str | None:
    """What an answer does that the document does not say; None when it keeps to it."""
    plain = path.partition("?")[0]
    asked = "GET" if method == "HEAD" else method
    found = next((o for m, pattern, o in _operations() if m == asked and pattern.fullmatch(plain)), None)
    if found is None or status == 405:
        return None
    told = found["responses"].get(str(status))
    if told is None:
        return f"{method} {plain} answers {status}, which the document does not know: {body!r}; {HINT}"
    media = content_type.partition(";")[0]
    if "json" not in media or method == "HEAD":
        return None
    if media not in told.get("content", {}):
        return f"{method} {plain} answers {status} as {media}; {HINT}"
    errors = [
        error.message for error in _validator(found["operationId"], str(status), media).iter_errors(body)
    ]
    return f"{method} {plain} answers {status} {body!r}: {errors[:3]}; {HINT}" if errors else None
