"""The half of a query service that keeps to what buckets say, put together in order: their routes, quotas at
the ticket, expiry, the end of a bucket. Called by app.py, which owns what is passed in.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.ids import now_ms
from atoll.lifecycle import Tasks
from atoll.node_client import NodeClient
from query_service.audit_trail import AuditTrail
from query_service.bucket_end import BucketEnd
from query_service.bucket_usage import UsageAsker
from query_service.buckets_api import BucketsApi
from query_service.catalog_aged import AgedCatalog
from query_service.cluster_view import Views
from query_service.data_side import DataSide
from query_service.deletes import Deleter, Departed
from query_service.expiry import Expiry
from query_service.lease import UpkeepNotes
from query_service.node_records import NodeRecords
from query_service.quota import QuotaKeeper
from query_service.routing import Route
from query_service.set_orders import SetOrders
from query_service.settings import QuerySettings
from query_service.testimony import Witnesses
from query_service.upkeep import Upkeep, UpkeepMetrics
from query_service.wire import UploadOrder


class BucketSide(NamedTuple):
    """What app.py does with it."""

    routes: list[Route]
    quota: QuotaKeeper
    upkeep: Upkeep
    cluster: LiveClusterMap

    def start(self, tasks: Tasks) -> None:
        """All that goes on beside the requests."""
        tasks.start("upkeep", self.upkeep.run())

    async def admit(self, order: UploadOrder) -> UploadOrder:
        """An order for a ticket, held to its bucket's quota."""
        return await self.quota.admit(order, self.cluster.current.buckets.get(order.bucket))


def open_buckets(
    settings: QuerySettings,
    bus: Bus,
    cluster: LiveClusterMap,
    nodes: NodeClient,
    views: Views,
    data: DataSide,
    trail: AuditTrail,
    registry: CollectorRegistry,
) -> BucketSide:
    """Nothing is connected to before it is used."""
    asker = UsageAsker(lambda: cluster.current, Witnesses(nodes))
    notes = UpkeepNotes(bus, settings.nats_map_domain, settings.nats_replicas)
    end = BucketEnd(cluster, asker, nodes, notes, now_ms)
    orders = SetOrders(views, nodes, settings.region)
    deleter = Deleter(NodeRecords(views, nodes), orders, Departed(), data.invalidation.announce)
    expiry = Expiry(AgedCatalog(data.catalog), deleter.delete_unchanged, settings.expiry_page, now_ms)
    upkeep = Upkeep(
        settings.name,
        cluster,
        notes,
        end,
        expiry,
        trail.record,
        UpkeepMetrics(registry),
        settings.expiry_seconds,
        now_ms,
    )
    api = BucketsApi(cluster, asker, end, settings.max_json_bytes, settings.grammar_limits, now_ms)
    return BucketSide(
        api.routes(), QuotaKeeper(asker, settings.quota_seconds, time.monotonic), upkeep, cluster
    )
