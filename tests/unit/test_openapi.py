"""The OpenAPI document says every route, nothing else, and only what can be looked up in it."""

from __future__ import annotations

import ast
import json
import re

from import_graph import ROOT, read_modules

from query_service.openapi_api import text

DOCUMENT = json.loads(text())


def operations():
    return {(m.upper(), path): o for path, item in DOCUMENT["paths"].items() for m, o in item.items()}


def routes():
    """Every `Route("METHOD", "/path", scope, …)` in the source: method, plain path, scope."""
    for name, module in read_modules().items():
        if not name.startswith("query_service."):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Route":
                method, path, scope = (ast.literal_eval(argument) for argument in node.args[:3])
                yield method, re.sub(r"{(\w+):[^}]*}", r"{\1}", path), scope


def test_every_route_is_in_it_and_nothing_else():
    assert {(method, path) for method, path, _ in routes()} == set(operations())


def test_the_scope_of_every_route_is_in_it():
    for method, path, scope in routes():
        assert operations()[method, path]["security"] == ([{"apiKey": [scope]}] if scope else []), path


def test_every_reference_leads_somewhere():
    for reference in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(DOCUMENT)):
        found = DOCUMENT
        for step in reference.split("/"):
            found = found[step]


def test_every_schema_is_referred_to():
    named = {r.rpartition("/")[2] for r in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(DOCUMENT))}
    assert set(DOCUMENT["components"]["schemas"]) <= named


def test_operations_are_told_apart_and_name_what_is_in_their_paths():
    found = operations()
    assert len({o["operationId"] for o in found.values()}) == len(found)
    for (_, path), operation in found.items():
        in_path = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert in_path == re.findall(r"{(\w+)}", path)
        assert all(p["required"] for p in operation["parameters"] if p["in"] == "path")
        assert "default" in operation["responses"]
        assert len(operation["responses"]) > 1


def test_the_document_in_docs_is_the_one_that_is_served():
    kept = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
    assert kept == text(), "run `make openapi`: an interface has changed"
