"""The OpenAPI documents as one page to read: no script, no file from elsewhere. Pure.

Owns the page's order and escaping; its look is in openapi_style.py. Every text from the documents is escaped
once, in `_text`. Called by openapi_api.py, once at start.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from query_service.openapi_page_words import kind_of, text_of
from query_service.openapi_style import STYLE

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
Document = Mapping[str, Any]


def page(query: Document, node: Document) -> str:
    """The whole page, in UTF-8."""
    parts = (("query", query, "openapi.json"), ("node", node, "openapi-node.json"))
    contents = "".join(_contents(name, document) for name, document, _ in parts)
    bodies = "".join(_part(name, document, file) for name, document, file in parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>Atoll: the API</title><style>{STYLE}</style>'
        f'</head><body><nav aria-label="Contents"><h1>Atoll</h1>{contents}</nav><main>{bodies}</main>'
        "</body></html>\n"
    )


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{text_of(each)}</p>" for each in text.strip().split("\n\n"))


def _by_tag(document: Document) -> Iterable[tuple[Mapping[str, str], list[tuple[str, str, Any]]]]:
    for tag in document["tags"]:
        found = [
            (method.upper(), path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if tag["name"] in operation["tags"]
        ]
        yield tag, found


def _contents(name: str, document: Document) -> str:
    items = "".join(
        f'<li><a href="#{name}-{tag["name"]}">{text_of(tag["name"])}</a></li>' for tag, _ in _by_tag(document)
    )
    return f'<h2><a href="#{name}">{text_of(document["info"]["title"])}</a></h2><ul>{items}</ul>'


def _part(name: str, document: Document, file: str) -> str:
    sections = "".join(_section(name, tag, found, document) for tag, found in _by_tag(document))
    schemas = "".join(
        _schema(name, title, schema) for title, schema in document["components"]["schemas"].items()
    )
    info = document["info"]
    return (
        f'<section id="{name}"><h2>{text_of(info["title"])} <small>{text_of(info["version"])}</small></h2>'
        f'{_paragraphs(info["description"])}<p>As <a href="/{file}">OpenAPI 3.1</a>.</p>{sections}'
        f'<h3 id="{name}-types">Types</h3>{schemas}</section>'
    )


def _section(name: str, tag: Mapping[str, str], found: list[tuple[str, str, Any]], document: Document) -> str:
    operations = "".join(_operation(name, *each, document) for each in found)
    title, says = text_of(tag["name"]), text_of(tag["description"])
    return f'<h3 id="{name}-{tag["name"]}">{title}</h3><p>{says}</p>{operations}'


def _operation(name: str, method: str, path: str, operation: Any, document: Document) -> str:
    says = f"<span>{text_of(operation['summary'])}</span>"
    head = f'<b class="{method.lower()}">{method}</b> <code>{text_of(path)}</code> {says}'
    body = "".join(
        (
            f"<p>{_opened_by(operation)}</p>",
            _parameters(name, operation),
            _body(name, operation, document),
            _answers(name, operation),
        )
    )
    return _folded(f"{name}-{operation['operationId']}", head, body)


def _folded(anchor: str, head: str, body: str) -> str:
    """Folded up. The anchor lies inside, for browsers unfold what a link leads into, not what it leads to."""
    return f'<details><summary>{head}</summary><i id="{anchor}"></i>{body}</details>'


def _opened_by(operation: Any) -> str:
    ways = [
        " with scope ".join([scheme, *scopes]) if way else "nobody in particular"
        for way in operation["security"]
        for scheme, scopes in (way.items() or [("", [])])
    ]
    return "Open to anybody." if not ways else f"Opened by: {text_of(', or '.join(ways))}."


def _parameters(name: str, operation: Any) -> str:
    rows = "".join(
        f"<tr><td><code>{text_of(each['name'])}</code>{' <em>needed</em>' if each['required'] else ''}</td>"
        f"<td>{text_of(each['in'])}</td><td>{kind_of(name, each['schema'])}</td>"
        f"<td>{text_of(each['description'])}</td></tr>"
        for each in operation["parameters"]
    )
    head = "<tr><th>Parameter</th><th>in</th><th>type</th><th>what</th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>' if rows else ""


def _body(name: str, operation: Any, document: Document) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return ""
    kinds = ", ".join(
        f"<code>{text_of(media)}</code> {kind_of(name, c['schema'])}" for media, c in content.items()
    )
    examples = [
        example
        for each in content.values()
        for example in document["components"]["schemas"]
        .get(each["schema"].get("$ref", "").rpartition("/")[2], {})
        .get("examples", [])[:1]
    ]
    return f"<p>Body: {kinds}</p>{''.join(map(_example, examples))}"


def _example(example: object) -> str:
    return f'<pre tabindex="0">{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>'


def _answers(name: str, operation: Any) -> str:
    rows = "".join(
        f"<tr><td><code>{status}</code></td><td>{text_of(answer['description'])}{_links(name, answer)}</td>"
        f"<td>{_content(name, answer)}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    head = "<tr><th>Answer</th><th>when</th><th>type</th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>'


def _links(name: str, answer: Any) -> str:
    leads = ", ".join(
        f'<a href="#{name}-{link["operationId"]}">{text_of(title)}</a>'
        for title, link in answer.get("links", {}).items()
    )
    return f"; leads to {leads}" if leads else ""


def _content(name: str, answer: Any) -> str:
    return ", ".join(
        kind_of(name, each["schema"]) or f"<code>{text_of(media)}</code>"
        for media, each in answer.get("content", {}).items()
    )


def _schema(name: str, title: str, schema: Any) -> str:
    needed = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{text_of(member)}</code>{'' if member in needed else ' <em>optional</em>'}</td>"
        f"<td>{kind_of(name, kind)}</td></tr>"
        for member, kind in schema.get("properties", {}).items()
    )
    table = f'<div class="wide"><table>{rows}</table></div>' if rows else ""
    examples = "".join(map(_example, schema.get("examples", [])))
    body = f"{_paragraphs(schema.get('description', ''))}{table}{examples}"
    return _folded(f"{name}-type-{title}", f"<code>{text_of(title)}</code>", body)
