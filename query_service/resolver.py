"""From an asset or a handle to URLs, best node first. No I/O, no database.

Owns the order of the answer: nodes known to hold the blob and healthy; failing those, the set's other
healthy nodes (they pull it through); last, nodes that should hold it and give no sign of life, marked so.
Signs URLs of private buckets. Called for every image anybody looks at: what does not depend on the
single request is kept in the view's plans.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from atoll.errors import NotFound, Unavailable
from atoll.model import Position
from atoll.names import Handle, blob_path
from atoll.node_api import handle_of, rfc3339
from atoll.signing import Keys, sign_delivery
from query_service.catalog_asset import CatalogAsset
from query_service.cluster_view import ClusterView, Plan, Views
from query_service.wire import Offer, Resolved


class Client(NamedTuple):
    """Who asks: where it is, and for how many seconds a signed URL shall be valid."""

    position: Position
    seconds: int


class Resolver:
    """Answers where to get bytes."""

    def __init__(
        self, views: Views, keys: Keys, rng: random.Random, clock_s: Callable[[], float] = time.time
    ) -> None:
        self._views, self._keys, self._rng, self._clock_s = views, keys, rng, clock_s

    def asset(self, asset: CatalogAsset, client: Client) -> Resolved:
        """Where to get an asset. `Unavailable` when its set has no member at all in the map."""
        record = asset.record
        holders = tuple([location.node for location in asset.locations])
        view = self._views.current()
        plan = view.plan(client.position, record.set, holders)
        return self._answer(view, record.bucket, handle_of(record), plan, client, record.asset_id)

    def handle(self, bucket: str, handle: Handle, client: Client) -> Resolved:
        """Where to get the bytes behind a handle; nobody is asked whether they exist."""
        view = self._views.current()
        if not view.cluster.members(handle.set):
            raise NotFound(f"There is no set {handle.set!r} with nodes in it.", set=handle.set)
        return self._answer(view, bucket, handle, view.plan(client.position, handle.set, None), client, UNSET)

    def _answer(
        self,
        view: ClusterView,
        bucket: str,
        handle: Handle,
        plan: Plan,
        client: Client,
        asset_id: str | UnsetType,
    ) -> Resolved:
        path, expires_at = self._path(view, bucket, handle, client)
        spots = plan.spots(self._rng)
        if not spots:
            raise Unavailable(
                f"No node of the set {handle.set!r} can serve this now.", set=handle.set, retry_after=1
            )
        base_url, node, region, km, unconfirmed, suspect = spots[0]
        return Resolved(
            asset_id=asset_id,
            url=base_url + path,
            node=node,
            region=region,
            distance_km=km,
            alternatives=[Offer(other[0] + path, *other[1:]) for other in spots[1:]],
            expires_at=expires_at,
            sha256=handle.sha256,
            unconfirmed=unconfirmed,
            suspect=suspect,
        )

    def _path(self, view: ClusterView, bucket: str, handle: Handle, client: Client) -> tuple[str, str | None]:
        """The path with its signature, if the bucket needs one, and when that expires."""
        path = blob_path(bucket, handle)
        if view.cluster.bucket(bucket).visibility == "public":
            return path, None
        expires_at = int(self._clock_s()) + client.seconds
        return f"{path}?{sign_delivery(path, expires_at, self._keys)}", rfc3339(expires_at * 1000)
