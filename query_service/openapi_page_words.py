"""Texts and schemas in the words of the API's page, escaped. Pure. Used by openapi_page.py."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any


def text_of(text: object) -> str:
    """Escaped, with `code` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(str(text)))


def kind_of(name: str, schema: Any) -> str:
    """A schema in a few words, with a link where it has a name."""
    if "$ref" in schema:
        title = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}-type-{title}">{text_of(title)}</a>'
    if "anyOf" in schema:
        return " or ".join(kind_of(name, each) for each in schema["anyOf"])
    if "const" in schema:
        return f"<code>{text_of(json.dumps(schema['const'], ensure_ascii=False))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{text_of(json.dumps(each))}</code>" for each in schema["enum"])
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {kind_of(name, schema.get('items') or {}) or 'anything'}"
    return text_of(kind) + _limits(schema)


_WORDS = {
    "minimum": "from {}",
    "maximum": "to {}",
    "minLength": "{} characters or more",
    "maxLength": "up to {} characters",
    "maxItems": "up to {}",
    "pattern": "`{}`",
}


def _limits(schema: Any) -> str:
    told = [words.format(schema[limit]) for limit, words in _WORDS.items() if limit in schema]
    return f" <small>{text_of(', '.join(told))}</small>" if told else ""
