"""The OpenAPI documents say every route, nothing else, and only what can be looked up in them."""

from __future__ import annotations

import ast
import json
import re
from functools import reduce
from typing import get_args

import msgspec
import pytest
from import_graph import ROOT, read_modules
from route_table import routes

import query_service.openapi_links as links
from atoll.errors import AtollError
from query_service.openapi_api import OPERATIONS, node_document, query_document, text
from query_service.openapi_document import problems_of
from query_service.openapi_examples import EXAMPLES
from query_service.openapi_node import NODE_OPERATIONS
from query_service.openapi_node_tus import ResumableUpload
from storage_node.tus_api import UploadView

DOCUMENTS = {
    "openapi.json": json.loads(text(query_document())),
    "openapi-node.json": json.loads(text(node_document())),
}
QUERY, NODE = DOCUMENTS.values()
ALL_OPERATIONS = [*OPERATIONS, *NODE_OPERATIONS]
every_document = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)

# What storage nodes serve beyond the internal routes, as their source has it, and what it is in the document.
# The delivery's catch-all is any path at all.
READS = {"GET /{bucket}/{set}/{blob}", "GET /{bucket}/{transformation}/{set}/{blob}"}
NODE_ROUTES = {
    ("uploads_api", "'/v1/uploads'"): {"PUT /v1/uploads", "POST /v1/uploads"},
    ("tus_api", "PREFIX"): {"POST /v1/tus", "OPTIONS /v1/tus"},
    ("tus_api", "PREFIX + '/{id}'"): {
        f"{method} /v1/tus/{{id}}" for method in ("OPTIONS", "HEAD", "GET", "PATCH", "DELETE")
    },
    ("heartbeats", "'/health'"): {"GET /health"},
    ("app", "'/metrics'"): {"GET /metrics"},
    ("jobs.export_routes", "'/v1/exports/{name}'"): {"GET /v1/exports/{name}"},
    ("read_side", "'/{path:.*}'"): READS,
    ("workers.app", "'/{path:.*}'"): READS,
}
# Answers of the methods above that pages in browsers ask for by themselves: no operation of the interface.
PREFLIGHTS = {("cors", "*")}


def operations(document):
    return {(m.upper(), path): o for path, item in document["paths"].items() for m, o in item.items()}


def plain(path):
    return re.sub(r"{(\w+):[^}]*}", r"{\1}", path)


def test_every_route_is_in_it_and_nothing_else():
    assert {(route.method, plain(route.path)) for route in routes()} == set(operations(QUERY))


def test_the_scope_of_every_route_is_in_it():
    for route in routes():
        security = operations(QUERY)[route.method, plain(route.path)]["security"]
        if route.scope:
            assert security == [{"apiKey": [route.scope]}], route
        else:
            assert not security or {} in security, route


def node_routes():
    """(module, source of the path) of each route that a node adds without asking who the peer is."""
    for name, module in read_modules().items():
        if not name.startswith("storage_node."):
            continue
        for call in ast.walk(module.tree):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if call.func.attr in {"add_get", "add_post", "add_put", "add_delete", "add_patch", "add_route"}:
                at = 1 if call.func.attr == "add_route" else 0
                path, handler = (ast.unparse(argument) for argument in call.args[at : at + 2])
                if "guard(" not in handler and "/internal/" not in path:
                    yield name.removeprefix("storage_node."), path


def test_every_public_route_of_a_node_is_in_its_document_and_nothing_else():
    assert {route for route in node_routes() if (route[0], "*") not in PREFLIGHTS} == set(NODE_ROUTES)
    told = {f"{method} {path}" for method, path in operations(NODE)}
    assert told == set().union(*NODE_ROUTES.values())


def test_a_nodes_view_of_a_resumable_upload_is_the_one_it_gives():
    told, given = (msgspec.json.schema_components((k,))[1] for k in (ResumableUpload, UploadView))
    assert told["ResumableUpload"]["properties"] == given["UploadView"]["properties"]


@every_document
def test_every_reference_leads_somewhere(document):
    for reference in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(document)):
        reduce(lambda found, step: found[step], reference.split("/"), document)


@every_document
def test_every_schema_is_referred_to(document):
    named = {r.rpartition("/")[2] for r in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(document))}
    assert set(document["components"]["schemas"]) <= named


@every_document
def test_operations_are_told_apart_and_name_what_is_in_their_paths(document):
    found = operations(document)
    assert len({o["operationId"] for o in found.values()}) == len(found)
    for (_, path), operation in found.items():
        in_path = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert in_path == re.findall(r"{(\w+)}", path)
        assert all(p["required"] for p in operation["parameters"] if p["in"] == "path")
        assert "default" not in operation["responses"], "every status is named"
        assert any(status < "400" for status in operation["responses"])


@every_document
def test_every_tag_and_every_way_in_is_explained(document):
    tags = {tag["name"] for tag in document["tags"]}
    schemes = set(document["components"]["securitySchemes"])
    for operation in operations(document).values():
        assert set(operation["tags"]) <= tags
        assert all(set(way) <= schemes for way in operation["security"])


@every_document
def test_every_problem_says_its_type_title_and_status_and_has_an_example(document):
    types = {problem.slug: problem for each in ALL_OPERATIONS for problem in problems_of(each)}
    for schema in document["components"]["schemas"].values():
        if "const" not in schema.get("properties", {}).get("type", {}):
            continue
        fixed = {member: schema["properties"][member]["const"] for member in ("type", "title", "status")}
        problem = types[fixed["type"].rpartition(":")[2]]
        assert fixed.items() <= problem("").problem().items()
        assert schema["examples"][0].items() >= fixed.items()


def test_a_problem_of_an_operation_stands_under_its_own_status():
    for operation in ALL_OPERATIONS:
        for problem in problems_of(operation):
            assert issubclass(problem, AtollError)
            assert 400 <= problem.status < 600


@every_document
def test_every_body_in_json_has_an_example(document):
    for (method, path), operation in operations(document).items():
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            for each in schema.get("anyOf", [schema]):  # an order of several kinds is a union
                name = each["$ref"].rpartition("/")[2]
                assert document["components"]["schemas"][name].get("examples"), f"{method} {path}: {name}"


def test_every_example_is_what_its_type_takes():
    kinds = {}
    for operation in ALL_OPERATIONS:
        for kind in (operation.body, *(answer.kind for answer in operation.answers.values())):
            for each in (kind, *get_args(kind)):
                kinds[getattr(each, "__name__", "")] = each
    for name, example in EXAMPLES.items():
        msgspec.convert(example, kinds[name], strict=True)


def test_links_lead_to_operations_with_parameters_that_these_have():
    found = {f"{method} {path}": operation for (method, path), operation in operations(QUERY).items()}
    for (source, status), leads in links.LINKS.items():
        assert set(found[source]["responses"][str(status)]["links"]) == {lead.name for lead in leads}
        for lead in leads:
            known = {parameter["name"] for parameter in found[lead.operation]["parameters"]}
            assert set(lead.parameters) <= known, lead
            assert lead.body is None or "requestBody" in found[lead.operation]


@pytest.mark.parametrize("file", DOCUMENTS)
def test_the_documents_in_docs_are_those_that_are_served(file):
    kept = json.loads((ROOT / "docs" / file).read_text(encoding="utf-8"))
    assert kept == DOCUMENTS[file], "run `make openapi`: an interface has changed"
