"""From an asset or a handle to URLs, best node first. No I/O, no database.

Owns the order of the answer: nodes known to hold the blob and healthy; failing those, the set's other
healthy nodes (they pull it through); last, nodes that should hold it and give no sign of life, marked so.
URLs are signed by `url_signer`, transformations understood by `wishes`; what a limited API key does not
reach is refused here (key_reach.py). Called for every image anybody
looks at: what does not depend on the single request is kept in the view's plans.
"""

from __future__ import annotations

import random

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from atoll.bucket import Bucket
from atoll.errors import NotFound, Unavailable
from atoll.names import Handle
from atoll.node_api import handle_of, rfc3339
from query_service.catalog_asset import CatalogAsset
from query_service.cluster_view import Plan, Views
from query_service.key_reach import check_found_by, check_handle, check_layers
from query_service.url_signer import Client, SignedPath, UrlSigner
from query_service.wire import Offer, Resolved
from query_service.wishes import Wish, Wishes


class Resolver:
    """Answers where to get bytes; `text` is the transformation that shall be made of them, if any."""

    def __init__(self, views: Views, signer: UrlSigner, wishes: Wishes, rng: random.Random) -> None:
        self._views, self._signer, self._wishes, self._rng = views, signer, wishes, rng

    def asset(self, asset: CatalogAsset, client: Client, text: str | None = None) -> Resolved:
        """Where to get an asset. `Unavailable` when its set has no member at all in the map.

        `BadTransformation` when the asset's bucket does not allow what `text` says.
        """
        record = asset.record
        if client.key is not None:
            check_found_by(client.key, record.asset_id, [(record.bucket, record.public_id)])
        holders = tuple([location.node for location in asset.locations])
        view = self._views.current()
        plan = view.plan(client.position, record.set, holders)
        bucket, handle = view.cluster.bucket(record.bucket), handle_of(record)
        if text is None:
            return self._answer(
                bucket, handle, plan, self._signer.blob(bucket, handle, client), record.asset_id
            )
        wish = self._wishes.wish(bucket, text)
        image_url = self._signer.image(bucket, record.public_id, wish, client)
        return replace(self.derivative(asset, client, wish), image_url=image_url)

    def derivative(self, asset: CatalogAsset, client: Client, wish: Wish) -> Resolved:
        """Where to get what `wish` makes of an asset, for whoever is redirected there at once."""
        record = asset.record
        check_found_by(client.key, record.asset_id, [(record.bucket, record.public_id)])
        check_layers(client.key, record.bucket, wish.transformation)
        holders = tuple([location.node for location in asset.locations])
        view = self._views.current()
        plan = view.plan(client.position, record.set, holders)
        handle = handle_of(record)
        bucket = view.cluster.bucket(record.bucket)
        signed = self._signer.derivative(bucket, handle, wish, client)
        return replace(self._answer(bucket, handle, plan, signed, record.asset_id), transformation=wish.text)

    def handle(self, bucket: str, handle: Handle, client: Client, text: str | None = None) -> Resolved:
        """Where to get the bytes behind a handle; nobody is asked whether they exist."""
        check_handle(client.key, bucket)
        view = self._views.current()
        if not view.cluster.members(handle.set):
            raise NotFound(f"There is no set {handle.set!r} with nodes in it.", set=handle.set)
        plan, policy = view.plan(client.position, handle.set, None), view.cluster.bucket(bucket)
        if text is None:
            return self._answer(policy, handle, plan, self._signer.blob(policy, handle, client), UNSET)
        wish = self._wishes.wish(policy, text)
        check_layers(client.key, bucket, wish.transformation)
        signed = self._signer.derivative(policy, handle, wish, client)
        return replace(self._answer(policy, handle, plan, signed, UNSET), transformation=wish.text)

    def _answer(
        self, bucket: Bucket, handle: Handle, plan: Plan, signed: SignedPath, asset_id: str | UnsetType
    ) -> Resolved:
        path, expires_at = signed
        spots = plan.spots(self._rng)
        if bucket.home_regions:  # its sets lie there; a handle may name any other
            spots = [spot for spot in spots if bucket.is_home(spot.region)]
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
            expires_at=None if expires_at is None else rfc3339(expires_at * 1000),
            sha256=handle.sha256,
            unconfirmed=unconfirmed,
            suspect=suspect,
        )
