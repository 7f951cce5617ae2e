"""Which answer leads to which further request: the `links` of the OpenAPI document. Pure.

    ticket ──► asset, its URL, its locations, its proof, its end
    listing ─► the same of its first asset; a key ──► its change and its revocation; a bucket ──► its tickets

An upload itself goes to a node, which has a document of its own (openapi_node.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Link(NamedTuple):
    """`parameters` and `body`: runtime expressions (OpenAPI 3.1, section 4.8.20.4)."""

    name: str
    operation: str  # "METHOD /path"
    parameters: Mapping[str, str] = {}
    body: Any = None


def _asset(where: str) -> tuple[Link, ...]:
    asset_id = {"asset_id": where}
    path = "/v1/assets/{asset_id}"
    return (
        Link("show", f"GET {path}", asset_id),
        Link("url", f"GET {path}/url", asset_id),
        Link("locations", f"GET {path}/locations", asset_id),
        Link("versions", f"GET {path}/versions", asset_id),
        Link("verify", f"GET {path}/verify", asset_id),
        Link("receipt", f"GET {path}/receipt", asset_id),
        Link("delete", f"DELETE {path}", asset_id),
        Link("resolve", "POST /v1/resolve", body={"items": [{"asset_id": where}]}),
    )


def _version(where: str) -> tuple[Link, ...]:
    names = {"asset_id": "$response.body#/asset_id", "version": where}
    path = "/v1/assets/{asset_id}/versions/{version}"
    return (
        Link("version", f"GET {path}", names),
        Link("version url", f"GET {path}/url", names),
        Link("delete version", f"DELETE {path}", names),
    )


_NAME = "$response.body#/name"
_MADE = "$response.body#/key/name"
_GONE = "$response.body#/asset_id"

LINKS: Mapping[tuple[str, int], tuple[Link, ...]] = {
    ("POST /v1/uploads", 201): (
        *_asset("$response.body#/asset_id"),
        Link(
            "named",
            "GET /v1/assets/by-name/{bucket}/{public_id}",
            {"bucket": "$response.body#/bucket", "public_id": "$response.body#/public_id"},
        ),
    ),
    ("GET /v1/assets", 200): _asset("$response.body#/assets/0/asset_id"),
    ("GET /v1/assets/{asset_id}/versions", 200): _version("$response.body#/versions/0/version"),
    ("POST /v1/assets/{asset_id}/rename", 200): _asset("$response.body#/asset_id"),
    ("POST /v1/assets/{asset_id}/copy", 201): _asset("$response.body#/asset_id"),
    ("DELETE /v1/assets/{asset_id}", 200): (
        Link("receipt", "GET /v1/assets/{asset_id}/receipt", {"asset_id": _GONE}),
        Link("restore", "POST /v1/assets/{asset_id}/restore", {"asset_id": _GONE}),
    ),
    ("PUT /v1/buckets/{bucket}", 201): (
        Link("upload", "POST /v1/uploads", body={"bucket": _NAME}),
        Link("list", "GET /v1/assets", {"bucket": _NAME}),
    ),
    ("POST /v1/keys", 201): (
        Link("change", "PATCH /v1/keys/{key}", {"key": _MADE}),
        Link("revoke", "DELETE /v1/keys/{key}", {"key": _MADE}),
    ),
    ("POST /v1/signing-keys", 201): (Link("change", "PATCH /v1/signing-keys/{key}", {"key": _MADE}),),
}


def written(links: Iterable[Link], ids: Mapping[str, str]) -> dict[str, Any]:
    """The links as the document has them. `ids`: the operationId of each "METHOD /path"."""
    return {link.name: _link(link, ids[link.operation]) for link in links}


def _link(link: Link, operation_id: str) -> dict[str, Any]:
    told: dict[str, Any] = {"operationId": operation_id}
    if link.parameters:
        told["parameters"] = dict(link.parameters)
    if link.body is not None:
        told["requestBody"] = link.body
    return told
