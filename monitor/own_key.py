"""API keys that the monitor makes for itself: the secret in its state directory, the hash in the cluster map.

Made once and kept; each monitor has its own, called after it in `atoll key ls`. A key that an administrator
has revoked stays so: then what needs it stands still, and that is said. Asked for by canaries and scale-in.
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
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Forbidden, Unavailable
from atoll.settings import read_secret
from atoll.signing import hash_api_key
from monitor.clock import Clock

log = logging.getLogger(__name__)

MAX_NAME = 32
SEEN_SECONDS = 2.0


def key_name(purpose: str, monitor: str) -> str:
    """What the key of a monitor is called: each has its own, in the 32 characters that a name may have."""
    name = f"{purpose}-{monitor}"
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(monitor.encode()).hexdigest()
    return f"{purpose}-{digest[: MAX_NAME - len(purpose) - 1]}"


class OwnKey:
    """One key. `buckets` and `prefixes` limit it; without any it is not limited."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        name: str,
        path: Path,
        clock: Clock,
        scopes: tuple[Scope, ...],
        *,
        buckets: tuple[str, ...] = (),
        prefixes: tuple[str, ...] = (),
    ) -> None:
        self._cluster, self._name, self._path, self._clock = cluster, name, path, clock
        self._scopes, self._buckets, self._prefixes = scopes, buckets, prefixes
        self._one_at_a_time = asyncio.Lock()  # two that ask at once would make two secrets

    async def ready(self) -> str:
        """The secret of a key that the cluster knows now.

        `Forbidden` when it is revoked, `BusUnavailable` while the map cannot be written, `Unavailable` while
        the disk takes nothing.
        """
        await self._cluster.synced()
        async with self._one_at_a_time:
            secret = await asyncio.to_thread(self._secret)
            await self._have_it_known(hash_api_key(secret))
        return secret

    def _secret(self) -> str:
        """That of the last life, or a new one. Blocks."""
        try:
            if not self._path.exists():
                write_atomically(self._path, f"atoll_{secrets.token_urlsafe(32)}\n".encode())
        except OSError as error:
            raise Unavailable(
                f"The monitor's key cannot be kept in {self._path}: {error.strerror}"
            ) from error
        return read_secret(self._path).decode()

    async def _have_it_known(self, digest: str) -> None:
        """After a lost state directory, instead of the one before."""
        known = self._cluster.current.keys.get(self._name)
        if known is not None and known.revoked_at is not None:
            raise Forbidden(
                f"The monitor's key {self._name!r} is revoked: what it is for stands still.", key=self._name
            )
        now = self._clock.now_ms()
        if known is None:
            entry = AccessKey(self._name, digest, self._scopes, now, self._buckets, self._prefixes)
            await self._cluster.put(entry, only_if_absent=True)
            log.info("the monitor's key %s is made", self._name)
            await self._seen()
        elif known.sha256 != digest:
            await self._cluster.change(known, lambda key: replace(key, sha256=digest, rotated_at=now))
            log.warning("the monitor's key %s has a new secret: the one before is lost", self._name)

    async def _seen(self) -> None:
        """Return when the new key is in the map as it is read here: then others are about to know it, too."""
        try:
            async with asyncio.timeout(SEEN_SECONDS):
                await self._cluster.wait_for(lambda cluster: self._name in cluster.keys)
        except TimeoutError:
            return  # it is written; a slow NATS only hides it for now
