"""What people and programs ask of a query service every day, as operations of the OpenAPI document. Pure.

A route that is not named here or in openapi_upkeep.py fails a test, and so does an operation without a route.
"""

from __future__ import annotations

from typing import Any

from atoll.errors import (
    AlreadyExists,
    BadTransformation,
    Conflict,
    Forbidden,
    NotFound,
    OutwardRefused,
    QuotaExceeded,
    TooManyFiles,
    TooManyRequests,
    Unauthorized,
)
from atoll.node_api import AssetView
from query_service.by_url_wire import FetchOrdered, UrlOrder
from query_service.folders_api import FolderList
from query_service.history_api import HistoryView
from query_service.openapi import OPEN, Answer, Operation
from query_service.openapi_problems import AWAY
from query_service.openapi_shapes import (
    AssetPage,
    Locations,
    NodeList,
    RegionList,
    ResolveResults,
    ServiceHealthView,
    SetList,
)
from query_service.search_wire import SEARCH_PARAMETERS, SearchOrder
from query_service.trash_routes import TrashList
from query_service.wire import DeletedView, Resolved, ResolveOrder, TicketView, UploadOrder

PLACE = ("lat", "lon", "region")
CLIENT = (*PLACE, "expires_in", "net")
UPLOAD_WORDS = ("tags", "context", "title", "alt")
SEARCH = tuple(sorted(SEARCH_PARAMETERS - {"cursor"}))

ASSETS = (
    Operation(
        "POST",
        "/v1/uploads",
        "write",
        "Get a ticket: permission to upload to the nearest writable node",
        {201: Answer("The ticket; send the bytes to its `upload_url`", TicketView)},
        PLACE,
        UploadOrder,
        tag="uploads",
        problems=(NotFound, Conflict, AlreadyExists, QuotaExceeded, TooManyFiles, BadTransformation),
    ),
    Operation(
        "POST",
        "/v1/uploads/by-url",
        "write",
        "Have the cluster fetch images from hosts in the bucket's fetch_hosts",
        {202: Answer("The job that fetches them; its `assets` name those that are stored", FetchOrdered)},
        PLACE,
        UrlOrder,
        tag="uploads",
        problems=(NotFound, Conflict, AlreadyExists, QuotaExceeded, OutwardRefused),
    ),
    Operation(
        "POST",
        "/v1/assets",
        "write",
        "Upload with one command: a redirect to a fresh ticket's upload_url; the body is not read here",
        {307: Answer("Send the same request to `Location`")},
        (
            *PLACE,
            "bucket",
            "public_id",
            "files",
            "max_bytes",
            "tags",
            "context",
            "title",
            "alt",
            "durability",
            "overwrite",
            "async",
            "session",
        ),
        tag="uploads",
        needed=("bucket",),
        problems=(NotFound, Conflict, AlreadyExists, QuotaExceeded, TooManyFiles),
    ),
    Operation(
        "GET",
        "/v1/assets",
        "read",
        "List a bucket's assets, or search them, page by page",
        {200: Answer("A page", AssetPage)},
        (*CLIENT, "bucket", "prefix", "limit", "cursor", *SEARCH),
        needed=("bucket",),
    ),
    Operation(
        "POST",
        "/v1/search",
        "read",
        "Search a bucket: the same as GET /v1/assets, for what is too long for a URL",
        {200: Answer("A page", AssetPage)},
        CLIENT,
        SearchOrder,
    ),
    Operation(
        "GET",
        "/v1/folders",
        "read",
        "The folders right below a prefix, as the names of images have them",
        {200: Answer("The folders", FolderList)},
        ("bucket", "prefix"),
        needed=("bucket",),
    ),
    Operation(
        "GET",
        "/v1/trash",
        "delete",
        "What was deleted and can be restored still, asked of the nodes now; what stays longest first",
        {200: Answer("A page", TrashList)},
        ("bucket", "prefix", "limit", "cursor"),
        needed=("bucket",),
    ),
    Operation(
        "GET",
        "/v1/assets/{asset_id}",
        "read",
        "Show an asset with its locations",
        {200: Answer("The asset", AssetView)},
        CLIENT,
        request_headers=("Prefer",),
    ),
    Operation(
        "GET",
        "/v1/assets/by-name/{bucket}/{public_id:.+}",
        "read",
        "Show an asset by its name",
        {200: Answer("The asset", AssetView)},
        CLIENT,
        request_headers=("Prefer",),
    ),
    Operation(
        "DELETE",
        "/v1/assets/{asset_id}",
        "delete",
        "Delete an asset; with bucket and public_id also while the catalog is down",
        {200: Answer("The delete is durable on a node of its set and travels from there", DeletedView)},
        ("bucket", "public_id", "trash_seconds"),
    ),
    Operation(
        "GET",
        "/v1/assets/{asset_id}/url",
        "read",
        "Where to get an image, or what `t` makes of it: the nearest node, then the others in order",
        {200: Answer("The URLs", Resolved)},
        (*CLIENT, "t", "session"),
        request_headers=("Prefer",),
        problems=(BadTransformation,),
    ),
    Operation(
        "GET",
        "/v1/assets/{asset_id}/locations",
        "read",
        "Which nodes hold the image, and which should",
        {200: Answer("The locations", Locations)},
        request_headers=("Prefer",),
    ),
    Operation(
        "POST",
        "/v1/resolve",
        "read",
        "Where to get many images at once; handles need no database",
        {200: Answer("A result or a problem per item", ResolveResults)},
        (*CLIENT, "session"),
        ResolveOrder,
        request_headers=("Prefer",),
        problems=(BadTransformation,),
    ),
    Operation(
        "GET",
        "/v1/history",
        "read",
        "What this key, or one session of its application, uploaded and had made lately",
        {200: Answer("A page, the newest first", HistoryView)},
        (*CLIENT, "session", "upload_key", "limit", "cursor"),
        problems=(NotFound,),
    ),
    Operation(
        "GET",
        "/i/{bucket}/{name:.+}",
        None,
        "A stable address for <img src>; private images, and transformations that are neither one name nor "
        "free in the bucket, need a signature (exp, key, sig: see `image_url`) or an API key",
        {
            301: Answer("The same request, as its one address has it, is at `Location`"),
            302: Answer("The image is at `Location`"),
        },
        (*CLIENT, "w", "h", "fit", "exp", "key", "sig"),
        request_headers=("Prefer",),
        problems=(BadTransformation, Unauthorized, Forbidden, TooManyRequests, *AWAY),
        security=(*OPEN, {"apiKey": ("read",)}, {"signature": ()}),
    ),
)

CLUSTER = (
    Operation(
        "GET", "/v1/nodes", "read", "The nodes as seen now", {200: Answer("Nodes", NodeList)}, tag="cluster"
    ),
    Operation(
        "GET",
        "/v1/sets",
        "read",
        "The replica sets as seen now",
        {200: Answer("Sets", SetList)},
        tag="cluster",
    ),
    Operation(
        "GET", "/v1/regions", "read", "The regions", {200: Answer("Regions", RegionList)}, tag="cluster"
    ),
)

SERVICE = (
    Operation(
        "GET",
        "/health",
        None,
        "Whether this service answers, and what it sees",
        {200: Answer("200 as long as it answers at all; `status` says more", ServiceHealthView)},
        tag="service",
    ),
    Operation(
        "GET",
        "/metrics",
        None,
        "Figures in Prometheus' text form, for the networks in the setting metrics_allow",
        {200: Answer("The figures", media="text/plain")},
        tag="service",
        problems=(Forbidden,),
    ),
    Operation(
        "GET",
        "/openapi.json",
        None,
        "This document",
        {200: Answer("OpenAPI 3.1", dict[str, Any])},
        tag="service",
    ),
    Operation(
        "GET",
        "/openapi-node.json",
        None,
        "The same of what storage nodes offer to clients",
        {200: Answer("OpenAPI 3.1", dict[str, Any])},
        tag="service",
    ),
    Operation(
        "GET",
        "/docs",
        None,
        "Both documents as a page to read",
        {200: Answer("The page", media="text/html")},
        tag="service",
    ),
)
