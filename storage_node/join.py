"""Joining the cluster: the node's own entry in the map, and what the map needs to understand it.

A sealed entry is the proof of the cluster secret. A node that was removed stays out (membership.py).
"""

from __future__ import annotations

import asyncio
import logging

from msgspec import structs

from atoll.backoff import Backoff
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Conflict, Unavailable
from atoll.ids import now_ms
from atoll.model import Node, Region, ReplicaSet
from storage_node.settings import NodeSettings

log = logging.getLogger(__name__)

_CHECK_SECONDS = 5.0


async def keep_joined(settings: NodeSettings, cluster: LiveClusterMap) -> None:
    """See to it, for ever, that the map has this node as it is, unless it was removed."""
    backoff = Backoff(0.2, 5.0)
    while True:
        try:
            await _join(settings, cluster)
            backoff.reset()
            await asyncio.sleep(_CHECK_SECONDS)
        except Unavailable as error:
            log.debug("not joined yet: %s", error.detail)
            await asyncio.sleep(backoff.next())


async def _join(settings: NodeSettings, cluster: LiveClusterMap) -> None:
    await cluster.synced()
    known = cluster.current.nodes.get(settings.name)
    if known and known.state == "removed":
        return
    await _announce_place(settings, cluster)
    node = Node(
        name=settings.name,
        region=settings.region,
        set=settings.set,
        url=settings.public_url,
        state=known.state if known else "active",
        joined_at=known.joined_at if known else now_ms(),
    )
    pinned = _pinned_elsewhere(node, cluster.current)
    if pinned and (known is None or (known.set, known.region) != (node.set, node.region)):
        log.error(
            "not joining: set %s holds images of %s, which stay in their home regions, and %s is none of"
            " them. Start this node in another set.",
            node.set,
            ", ".join(pinned),
            node.region,
        )
        return
    if node != known:
        await cluster.put(node)
        log.info("joined the cluster", extra={"set": node.set, "url": node.url})


def _pinned_elsewhere(node: Node, cluster: ClusterMap) -> list[str]:
    """Buckets that this set may hold images of, and whose home regions the node would leave."""
    regions = {member.region for member in cluster.members(node.set) if member.name != node.name}
    return sorted(
        bucket.name
        for bucket in cluster.buckets.values()
        if regions and not bucket.is_home(node.region) and all(bucket.is_home(region) for region in regions)
    )


async def _announce_domain(domain: str, region: Region, cluster: LiveClusterMap) -> None:
    """A region that gets a domain of its own later: all who read its stream learn it from the map."""
    if region.jetstream_domain is None:
        await cluster.change(region, lambda now: structs.replace(now, jetstream_domain=domain))
        log.info("the streams of %s are in JetStream domain %s from now on", region.name, domain)
    elif region.jetstream_domain != domain:
        log.error(
            "the map says that %s has JetStream domain %s, nats_region_domain says %s: the map counts",
            region.name,
            region.jetstream_domain,
            domain,
        )


async def _announce_place(settings: NodeSettings, cluster: LiveClusterMap) -> None:
    """Put the region and the set into the map, unless they are there."""
    current = cluster.current
    try:
        if settings.region not in current.regions:
            if settings.region_lat is None or settings.region_lon is None:
                log.error("the map has no region %r, and region_lat/region_lon are not set", settings.region)
            else:
                place = Region(
                    settings.region, settings.region_lat, settings.region_lon, settings.nats_region_domain
                )
                await cluster.put(place, only_if_absent=True)
        elif settings.nats_region_domain is not None:
            await _announce_domain(settings.nats_region_domain, current.regions[settings.region], cluster)
        if settings.set not in current.sets:
            await cluster.put(ReplicaSet(settings.set), only_if_absent=True)
    except Conflict:
        return  # another node of the region or set was faster
