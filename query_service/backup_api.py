"""GET and PUT /v1/backup: all that is neither on the nodes' disks nor made again by itself.

That is what operators decided: regions, sets (sealed or not), buckets with their policies, API keys (their
hashes and limits, those of this service's file too). Nodes are listed for people only: they join by
themselves. Putting it back never takes anything away and never overwrites: what is there already stays and is
named.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from typing import Literal

import msgspec
from aiohttp import web
from msgspec import Struct

from atoll.access import AccessKey, SigningKey, UploadKey
from atoll.api_keys import ApiKey, ApiKeys
from atoll.bucket import Bucket
from atoll.cluster import Entry, key_of
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Conflict
from atoll.http import json_response, read_json
from atoll.ids import now_ms
from atoll.model import Node, Region, ReplicaSet
from query_service.audit_guard import audit_facts
from query_service.query_input import check_query
from query_service.routing import Route

MAX_BACKUP_BYTES = 64 * 2**20

log = logging.getLogger(__name__)


class Backup(Struct, frozen=True, forbid_unknown_fields=True):
    """The cluster's decisions. `made_at`: Unix milliseconds."""

    format: Literal[1]
    made_at: int
    regions: tuple[Region, ...]
    sets: tuple[ReplicaSet, ...]
    buckets: tuple[Bucket, ...]
    keys: tuple[AccessKey, ...]
    nodes: tuple[Node, ...] = ()
    signing_keys: tuple[SigningKey, ...] = ()
    upload_keys: tuple[UploadKey, ...] = ()


class BackupApi:
    """For administrators."""

    def __init__(self, cluster: LiveClusterMap, keys: ApiKeys) -> None:
        self._live, self._keys = cluster, keys

    def routes(self) -> list[Route]:
        """Both."""
        return [
            Route("GET", "/v1/backup", "admin", self.show, reach="whole", audit=True),
            Route("PUT", "/v1/backup", "admin", self.put_back, reach="whole"),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """The backup, in clear: whoever asked encrypts it."""
        check_query(request, ())
        return json_response(self._backup(), headers={"Cache-Control": "no-store"})

    async def put_back(self, request: web.Request) -> web.Response:
        """Write what the map lacks: {"restored": [keys], "kept": [keys that were there]}."""
        check_query(request, ())
        backup = await read_json(request, Backup, MAX_BACKUP_BYTES)
        entries: list[Entry] = [
            *backup.regions,
            *backup.sets,
            *backup.buckets,
            *backup.keys,
            *backup.signing_keys,
            *backup.upload_keys,
        ]
        restored, kept = [], []
        for entry in entries:
            try:
                await self._live.put(entry, only_if_absent=True)
            except Conflict:
                kept.append(key_of(entry))
            else:
                restored.append(key_of(entry))
        audit_facts(request, restored=len(restored), kept=len(kept))
        return json_response({"restored": restored, "kept": kept})

    def _backup(self) -> Backup:
        cluster = self._live.current
        return Backup(
            format=1,
            made_at=now_ms(),
            regions=tuple(cluster.regions.values()),
            sets=tuple(cluster.sets.values()),
            buckets=tuple(cluster.buckets.values()),
            keys=self._access_keys(),
            nodes=tuple(cluster.nodes.values()),
            signing_keys=tuple(cluster.signing.values()),
            upload_keys=tuple(cluster.upload_keys.values()),
        )

    def _access_keys(self) -> tuple[AccessKey, ...]:
        known = dict(self._live.current.keys)
        hashes = {key.sha256 for key in known.values()}
        for key in self._keys.own:
            if key.sha256 not in hashes:
                entry = _entry(key, _name(key, known))
                if entry is not None:
                    known[entry.name] = entry
        return tuple(known.values())


def _entry(key: ApiKey, name: str) -> AccessKey | None:
    """A key of the file as the map will have it, with all its limits: without them it would come back as one
    that reaches everything. None for one with more of them than an entry holds: it stays in its file alone.
    """
    limits = (tuple(sorted(key.buckets)), key.prefixes)
    entry = AccessKey(name, key.sha256, key.sorted_scopes, 0, *limits, key.until)
    try:
        return msgspec.convert(msgspec.to_builtins(entry), AccessKey)
    except msgspec.ValidationError as error:
        log.warning("the API key %s of the file cannot be in a backup: %s", key.id, error)
        return None


def _name(key: ApiKey, taken: Collection[str]) -> str:
    """The key's id as a map entry may be named; told apart by its hash where that changes it."""
    plain = re.sub(r"[^a-z0-9]+", "-", key.id.lower()).strip("-")[:20].strip("-")
    return plain if plain == key.id and plain not in taken else f"{plain or 'key'}-{key.sha256[:8]}"
