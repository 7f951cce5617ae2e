"""Versions, names and words of assets, as operations of the OpenAPI document. Pure."""

from __future__ import annotations

from atoll.descriptions import Patch
from atoll.errors import AlreadyExists, BadTransformation, PreconditionFailed, TypeMismatch
from atoll.node_api import AssetView
from query_service.openapi import Answer, Operation
from query_service.version_wire import (
    CopyOrder,
    DeletedVersion,
    RenameOrder,
    RollbackOrder,
    VersionList,
    VersionView,
)
from query_service.wire import Resolved

CLIENT = ("lat", "lon", "region", "expires_in", "net")
_PATH = "/v1/assets/{asset_id}/versions"
_ONE = _PATH + "/{version}"

VERSIONS = (
    Operation(
        "PATCH",
        "/v1/assets/{asset_id}",
        "write",
        "Change tags, context, title or alternative text: a JSON merge patch (RFC 7396)",
        {200: Answer("The asset as it is now, durable on a node of its set", AssetView)},
        CLIENT,
        Patch,
        problems=(PreconditionFailed, TypeMismatch),
        request_headers=("If-Match",),
    ),
    Operation(
        "GET",
        _PATH,
        "read",
        "List the versions of an asset, newest first",
        {200: Answer("A page", VersionList)},
        (*CLIENT, "limit", "cursor"),
    ),
    Operation("GET", _ONE, "read", "Show one version", {200: Answer("The version", VersionView)}, CLIENT),
    Operation(
        "GET",
        _ONE + "/url",
        "read",
        "Where to get a version's image, or what `t` makes of it",
        {200: Answer("The URLs", Resolved)},
        (*CLIENT, "t"),
        problems=(BadTransformation,),
    ),
    Operation(
        "DELETE",
        _ONE,
        "delete",
        "Delete one version for good; if it was the current one, the one before it is",
        {200: Answer("The delete is durable on a node of its set and travels from there", DeletedVersion)},
    ),
    Operation(
        "POST",
        "/v1/assets/{asset_id}/rollback",
        "write",
        "Go back to a version: it is repeated as a new one",
        {200: Answer("The asset as it is now", AssetView)},
        CLIENT,
        RollbackOrder,
    ),
    Operation(
        "POST",
        "/v1/assets/{asset_id}/rename",
        "write",
        "Give an asset and all its versions another name in its bucket; needs the scope delete as well",
        {200: Answer("The asset under its new name", AssetView)},
        CLIENT,
        RenameOrder,
        problems=(AlreadyExists,),
    ),
    Operation(
        "POST",
        "/v1/assets/{asset_id}/copy",
        "write",
        "Copy an asset, or one of its versions, to another name in its bucket; no byte is moved; needs the "
        "scope read as well",
        {201: Answer("The copy", AssetView)},
        CLIENT,
        CopyOrder,
        problems=(AlreadyExists,),
    ),
)
