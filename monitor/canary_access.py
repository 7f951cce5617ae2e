"""The canaries' own key and bucket: made once by the monitor, kept, and good for nothing else.

The key (own_key.py) is limited to the canaries' bucket and to names that begin with `canary/`; the bucket
takes small PNGs only, keeps no versions and has a quota.
"""

from __future__ import annotations

import logging
from pathlib import Path

from atoll.access import Scope
from atoll.bucket import Bucket, LifecycleRule, Quota
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Conflict
from monitor.clock import Clock
from monitor.own_key import OwnKey, key_name

log = logging.getLogger(__name__)

PURPOSE, FILE = "canary", "canary.key"
PREFIX = "canary/"
SCOPES: tuple[Scope, ...] = ("read", "write", "delete")
MAX_BYTES = 16 * 1024  # of one canary
QUOTA = Quota(bytes=4 * 1024 * 1024, assets=1000)


class CanaryAccess:
    """`own_key`: a key that the operator gives; None: one is made. Asked before each round."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        bucket: str,
        name: str,
        state_dir: Path,
        clock: Clock,
        own_key: str | None = None,
    ) -> None:
        self._cluster, self._bucket, self._own = cluster, bucket, own_key
        name, path = key_name(PURPOSE, name), state_dir / FILE
        limits = {"buckets": (bucket,), "prefixes": (PREFIX,)}
        self._key = OwnKey(cluster, name, path, clock, SCOPES, **limits)

    async def ready(self) -> str:
        """The secret of a key that may fly canaries now, and a bucket for them.

        `Forbidden` when the key is revoked, `BusUnavailable` while the map cannot be written.
        """
        await self._cluster.synced()
        if self._bucket not in self._cluster.current.buckets:
            await self._make_bucket()
        return self._own if self._own is not None else await self._key.ready()

    async def _make_bucket(self) -> None:
        bucket = Bucket(
            self._bucket,
            visibility="private",
            max_bytes=MAX_BYTES,
            allowed=("png",),
            versioning=False,
            lifecycle=(LifecycleRule(1, PREFIX),),
            quota=QUOTA,
        )
        try:
            await self._cluster.put(bucket, only_if_absent=True)
        except Conflict:
            return  # the other monitor was faster
        log.info("the canaries' bucket %s is made", self._bucket)
