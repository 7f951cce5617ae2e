"""The cluster map, live: watched in its JetStream key-value bucket, kept on disk for bad days. I/O.

Owns the bucket `ATOLL_MAP` and the last-known-good copy `cluster_map.json`. A daemon starts from the
copy and follows the bucket when NATS answers. When the bucket turns out to have been made anew (its
stream's creation time differs from the copy's), NATS was wiped: the entries we know are put back, each
only if absent, and nothing is believed deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import cast

import aiofiles
import msgspec
import nats.js.errors
from nats.js.api import KeyValueConfig, StorageType
from nats.js.kv import KeyValue

from atoll.atomic_file import write_atomically
from atoll.backoff import Backoff
from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.cluster import BadEntry, ClusterMap, E, Entry, key_of, open_entry, seal_entry
from atoll.errors import Conflict
from atoll.map_copy import MapCopy
from atoll.signing import Keys

log = logging.getLogger(__name__)

BUCKET = "ATOLL_MAP"
REFRESH_SECONDS = 60.0  # a watch that died silently is replaced after so long


class LiveClusterMap:
    """The current `ClusterMap` of a daemon, and the way to change the map."""

    def __init__(self, bus: Bus, keys: Keys, state_dir: Path, *, domain: str | None, replicas: int) -> None:
        self._bus, self._keys, self._domain, self._replicas = bus, keys, domain, replicas
        self._path = state_dir / "cluster_map.json"
        self._copy = MapCopy(keys)
        self._dirty = False
        self._changed = asyncio.Event()
        self._synced = asyncio.Event()
        self._reopen = asyncio.Event()
        self._listeners: list[Callable[[ClusterMap], None]] = []
        self.current = ClusterMap()
        bus.on_reconnect(self._reopen.set)

    @property
    def bad_entries(self) -> int:
        """Entries refused since the start."""
        return self._copy.bad_entries

    async def load(self) -> None:
        """Start from the last-known-good copy, if there is one. Once, before anything is served."""
        try:
            async with aiofiles.open(self._path, "rb") as file:
                self._copy.decode(await file.read())
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            log.error("the copy of the cluster map is unreadable and ignored: %s", error)
            return
        self.current = self._copy.as_map()

    def on_change(self, listener: Callable[[ClusterMap], None]) -> None:
        """Call `listener` with every new map."""
        self._listeners.append(listener)

    async def wait_for(self, predicate: Callable[[ClusterMap], bool]) -> ClusterMap:
        """The first map, from now on, that satisfies `predicate`."""
        while not predicate(self.current):
            self._changed.clear()
            await self._changed.wait()
        return self.current

    async def synced(self) -> None:
        """Return once the bucket itself has been read, not only the copy on disk."""
        await self._synced.wait()

    async def put(self, entry: Entry, *, only_if_absent: bool = False) -> None:
        """Write an entry. `Conflict` if it is there and must not be, `BusUnavailable` without NATS."""
        try:
            bucket = await self._bucket()
            write = bucket.create if only_if_absent else bucket.put
            await write(key_of(entry), seal_entry(entry, self._keys))
        except nats.js.errors.KeyWrongLastSequenceError as error:
            raise Conflict(f"{key_of(entry)} is in the cluster map already.") from error
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"the cluster map cannot be written: {error!r}", retry_after=1) from error

    async def change(self, entry: E, make: Callable[[E], E]) -> E:
        """Put in the place of `entry` what `make` makes of it as it is in the bucket now. Returns that.

        `Conflict` when somebody else changed it at the same moment, or it is gone; `BusUnavailable`.
        """
        key = key_of(entry)
        try:
            bucket = await self._bucket()
            kept = await bucket.get(key)
            changed = make(cast(E, open_entry(key, kept.value or b"", self._keys)))
            await bucket.update(key, seal_entry(changed, self._keys), last=kept.revision)
        except (nats.js.errors.KeyWrongLastSequenceError, nats.js.errors.KeyNotFoundError, BadEntry) as error:
            raise Conflict(f"{key} has just been changed by somebody else; look again.") from error
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"the cluster map cannot be written: {error!r}", retry_after=1) from error
        return changed

    async def remove(self, entry: Entry) -> None:
        """Delete an entry from the map. `BusUnavailable` without NATS."""
        try:
            await (await self._bucket()).delete(key_of(entry))
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"the cluster map cannot be written: {error!r}", retry_after=1) from error

    async def run(self) -> None:
        """Follow the bucket for ever."""
        backoff = Backoff(0.2, 5.0)
        await self._bus.wait_connected()
        while True:
            try:
                await self._follow()
                backoff.reset()
            except (*FOREIGN_ERRORS, BusUnavailable, asyncio.CancelledError) as error:
                # nats-py cancels its own set-up future when the server is lost in the middle of it
                if (task := asyncio.current_task()) and task.cancelling():
                    raise
                log.warning("the cluster map cannot be followed now: %r", error)
                await asyncio.sleep(backoff.next())

    async def _bucket(self) -> KeyValue:
        js = self._bus.jetstream(self._domain)
        try:
            return await js.key_value(BUCKET)
        except nats.js.errors.BucketNotFoundError:
            config = KeyValueConfig(
                bucket=BUCKET, history=5, storage=StorageType.FILE, replicas=self._replicas
            )
            return await js.create_key_value(config)

    async def _follow(self) -> None:
        """One watch: a whole snapshot, then changes, until a reconnect or the refresh time."""
        self._reopen.clear()
        bucket = await self._bucket()
        made = str((await bucket.status()).stream_info.created)
        watcher = await bucket.watchall()
        try:
            await self._take_snapshot(watcher, bucket, made)
            await self._take_changes(watcher)
        finally:
            await watcher.stop()

    async def _take_snapshot(self, watcher: KeyValue.KeyWatcher, bucket: KeyValue, made: str) -> None:
        named: set[str] = set()
        while (update := await watcher.updates(timeout=5.0)) is not None:
            named.add(update.key)
            self._take(update)
        missing = self._copy.others(named)
        if self._copy.made not in {"", made}:
            for key, value in missing.items():
                log.warning("the cluster map was made anew: putting %s back", key)
                await _put_back(bucket, key, value)
        else:
            for key in missing:
                if await _is_gone(bucket, key):
                    self._dirty |= self._copy.take(key, None, 0)
        if self._dirty or made != self._copy.made or not self.current.regions:
            self._copy.made = made
            await self._publish()
        self._synced.set()

    async def _take_changes(self, watcher: KeyValue.KeyWatcher) -> None:
        until = asyncio.get_running_loop().time() + REFRESH_SECONDS
        while not self._reopen.is_set() and asyncio.get_running_loop().time() < until:
            try:
                update = await watcher.updates(timeout=0.5)
            except nats.errors.TimeoutError:
                continue
            if update is not None:
                self._take(update)
            if self._dirty:
                await self._publish()

    def _take(self, update: KeyValue.Entry) -> None:
        gone = update.operation in {"DEL", "PURGE"}
        value = None if gone else update.value or b""
        self._dirty |= self._copy.take(update.key, value, update.revision or 0)

    async def _publish(self) -> None:
        """To disk first: what anybody here was told is there after a restart. A full disk hides no news."""
        self._dirty = False
        try:
            await asyncio.to_thread(write_atomically, self._path, self._copy.encode())
        except OSError as error:
            log.error("the copy of the cluster map cannot be written: %s", error)
        self.current = self._copy.as_map()
        for listener in self._listeners:
            listener(self.current)
        self._changed.set()


async def _is_gone(bucket: KeyValue, key: str) -> bool:
    """Whether a key that a snapshot lacks is not there. The end of a snapshot may come before its entries:
    nats-py marks it when nothing is pending on the server and nothing has arrived here yet."""
    try:
        await bucket.get(key)
    except (nats.js.errors.KeyNotFoundError, nats.js.errors.KeyDeletedError):
        return True
    return False


async def _put_back(bucket: KeyValue, key: str, value: bytes) -> None:
    try:
        await bucket.create(key, value)
    except nats.js.errors.KeyWrongLastSequenceError:
        log.info("%s was put back by somebody else", key)
