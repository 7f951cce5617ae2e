"""The half of a query service that shows the cluster, put together. Called by app.py."""

from __future__ import annotations

import random
import time
from contextlib import AsyncExitStack

from atoll.node_client import NodeClient
from query_service.cluster_api import ClusterApi
from query_service.cluster_known import ClusterKnown
from query_service.cluster_sight import ClusterSight
from query_service.cluster_view import Views
from query_service.event_streams import EventStreams
from query_service.monitor_link import MonitorLink
from query_service.nearest_api import NearestApi
from query_service.overview import OverviewDesk
from query_service.overview_api import OverviewApi
from query_service.position import PositionFinder
from query_service.routing import Route
from query_service.settings import QuerySettings


def overview_routes(
    settings: QuerySettings,
    known: ClusterKnown,
    views: Views,
    positions: PositionFinder,
    nodes: NodeClient,
    streams: EventStreams,
    stack: AsyncExitStack,
) -> list[Route]:
    """Nothing is asked of anybody before somebody looks."""
    sight = ClusterSight(known)
    link = MonitorLink(settings.monitor_urls, nodes, settings.monitor_seconds, time.monotonic)
    stack.push_async_callback(link.close)
    desk = OverviewDesk(settings.name, sight, link, time.monotonic)
    return [
        *ClusterApi(sight).routes(),
        *OverviewApi(desk, link, streams, settings.max_json_bytes).routes(),
        *NearestApi(views.current, positions.of, random.Random()).routes(),
    ]
