"""The canaries' own key and bucket: made once by the monitor, kept, and good for nothing else.

The key is limited to the canaries' bucket and to names that begin with `canary/`; the bucket takes small PNGs
only, keeps no versions and has a quota. The secret lies in the state directory (mode 600), its hash in the
cluster map. A key that an administrator has revoked stays so: then no canary flies, and that is said.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from pathlib import Path

from msgspec.structs import replace

from atoll.access import AccessKey, Scope
from atoll.atomic_file import write_atomically
from atoll.bucket import Bucket, LifecycleRule, Quota
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Conflict, Forbidden
from atoll.settings import read_secret
from atoll.signing import hash_api_key
from monitor.clock import Clock

log = logging.getLogger(__name__)

FILE = "canary.key"
PREFIX = "canary/"
SCOPES: tuple[Scope, ...] = ("read", "write", "delete")
MAX_BYTES = 16 * 1024  # of one canary
QUOTA = Quota(bytes=4 * 1024 * 1024, assets=1000)


def key_name(monitor: str) -> str:
    """What the key of a monitor is called: each has its own, in the 32 characters that a name may have."""
    name = f"canary-{monitor}"
    return name if len(name) <= 32 else f"canary-{hashlib.sha256(monitor.encode()).hexdigest()[:24]}"


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
        self._cluster, self._bucket, self._clock, self._own = cluster, bucket, clock, own_key
        self._name, self._path = key_name(name), state_dir / FILE

    async def ready(self) -> str:
        """The secret of a key that may fly canaries now, and a bucket for them.

        `Forbidden` when the key is revoked, `BusUnavailable` while the map cannot be written.
        """
        await self._cluster.synced()
        if self._bucket not in self._cluster.current.buckets:
            await self._make_bucket()
        if self._own is not None:
            return self._own
        secret = await asyncio.to_thread(self._secret)
        await self._make_key(hash_api_key(secret))
        return secret

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

    def _secret(self) -> str:
        """That of the last life, or a new one. Blocks."""
        if not self._path.exists():
            write_atomically(self._path, f"atoll_{secrets.token_urlsafe(32)}\n".encode())
        return read_secret(self._path).decode()

    async def _make_key(self, digest: str) -> None:
        """Have the cluster know it; after a lost state directory, instead of the one before."""
        known = self._cluster.current.keys.get(self._name)
        if known is not None and known.revoked_at is not None:
            raise Forbidden(f"The canaries' key {self._name!r} is revoked: no canary flies.", key=self._name)
        if known is None:
            now = self._clock.now_ms()
            entry = AccessKey(self._name, digest, SCOPES, now, (self._bucket,), (PREFIX,))
            await self._cluster.put(entry, only_if_absent=True)
            log.info("the canaries' key %s is made", self._name)
        elif known.sha256 != digest:
            now = self._clock.now_ms()
            await self._cluster.change(known, lambda key: replace(key, sha256=digest, rotated_at=now))
            log.warning("the canaries' key %s has a new secret: the one before is lost", self._name)
