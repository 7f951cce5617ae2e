"""The cluster in one look, as operations of the OpenAPI document. Pure."""

from __future__ import annotations

from atoll.errors import NotFound, TooManyRequests
from atoll.monitor_api import Acknowledged
from query_service.monitor_link import MonitorUnavailable
from query_service.nearest_api import NearestView
from query_service.openapi import Answer, Operation
from query_service.overview import ClusterOverview
from query_service.overview_api import AcknowledgeOrder

OVERVIEW = (
    Operation(
        "GET",
        "/v1/overview",
        "read",
        "The whole cluster in one look: what this service sees, and what a monitor says",
        {200: Answer("The cluster; `monitor` is null while none can be asked", ClusterOverview)},
        tag="cluster",
    ),
    Operation(
        "GET",
        "/v1/overview/events",
        "read",
        "The same as server-sent events: `overview`, at every change, at most once a second",
        {200: Answer("The stream", media="text/event-stream")},
        ("seconds",),
        tag="cluster",
        problems=(TooManyRequests,),
    ),
    Operation(
        "GET",
        "/v1/nearest",
        "read",
        "Who serves clients at a place, set by set, and where their uploads go",
        {200: Answer("The nodes in the order in which they are offered", NearestView)},
        ("lat", "lon", "region"),
        tag="cluster",
    ),
    Operation(
        "POST",
        "/v1/alerts/acknowledge",
        "admin",
        "Say that somebody sees to an alert: no reminders, no escalation",
        {200: Answer("Who sees to it", Acknowledged)},
        body=AcknowledgeOrder,
        tag="cluster",
        problems=(NotFound, MonitorUnavailable),
    ),
)
