"""The cluster map as a value: regions, nodes, sets, buckets, and keys of all kinds. Pure.

An entry travels as a sealed JSON document under a key such as `node.eu-1`; who does not know the cluster
secret can neither join a node nor open a bucket. `cluster_map.py` watches the entries; this module reads
them and answers questions. A snapshot never changes: daemons swap it whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import msgspec
from msgspec import Struct

from atoll.access import AccessKey, SigningKey, UploadKey
from atoll.bucket import Bucket
from atoll.errors import NotFound
from atoll.model import Node, Region, ReplicaSet
from atoll.placement import distance_km
from atoll.signing import Keys, seal, seal_matches

Entry = Region | Node | ReplicaSet | Bucket | AccessKey | SigningKey | UploadKey
E = TypeVar("E", Region, Node, ReplicaSet, Bucket, AccessKey, SigningKey, UploadKey)
_KINDS: dict[str, type[Entry]] = {
    "region": Region,
    "node": Node,
    "set": ReplicaSet,
    "bucket": Bucket,
    "key": AccessKey,
    "signing": SigningKey,
    "upload": UploadKey,
}


class BadEntry(ValueError):
    """A map entry that is not ours: malformed, unsealed, or under the wrong key."""


class _Sealed(Struct, frozen=True):
    seal: str
    entry: msgspec.Raw


def key_of(entry: Entry) -> str:
    """The entry's key in the key-value bucket."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(entry, cls))
    return f"{kind}.{entry.name}"


def seal_entry(entry: Entry, keys: Keys) -> bytes:
    """The entry as stored."""
    body = msgspec.json.encode(entry)
    return msgspec.json.encode(_Sealed(seal(keys.map_entry, key_of(entry), body), msgspec.Raw(body)))


def open_entry(key: str, value: bytes, keys: Keys) -> Entry:
    """The entry stored under `key`, or `BadEntry`."""
    cls = _KINDS.get(key.partition(".")[0])
    if cls is None:
        raise BadEntry(f"{key}: no such kind of entry")
    try:
        sealed = msgspec.json.decode(value, type=_Sealed)
        if not seal_matches(keys.map_entry, key, bytes(sealed.entry), sealed.seal):
            raise BadEntry(f"{key}: the seal is wrong; was it written with another cluster secret?")
        entry = msgspec.json.decode(sealed.entry, type=cls)
    except msgspec.MsgspecError as error:
        raise BadEntry(f"{key}: {error}") from error
    if key_of(entry) != key:
        raise BadEntry(f"{key}: holds an entry for {key_of(entry)}")
    return entry


@dataclass(frozen=True)
class ClusterMap:
    """One consistent view of the cluster. Look-ups raise `NotFound` for names that are not in it."""

    regions: Mapping[str, Region] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    sets: Mapping[str, ReplicaSet] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    keys: Mapping[str, AccessKey] = field(default_factory=dict)
    signing: Mapping[str, SigningKey] = field(default_factory=dict)
    upload_keys: Mapping[str, UploadKey] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> ClusterMap:
        """The map made of these entries."""
        grouped: dict[type[Entry], dict[str, Entry]] = {kind: {} for kind in _KINDS.values()}
        for entry in entries:
            grouped[type(entry)][entry.name] = entry
        return cls(*grouped.values())  # type: ignore[arg-type]  # the order of _KINDS is that of the fields

    def region(self, name: str) -> Region:
        """The region of that name."""
        return _known(self.regions, "region", name)

    def node(self, name: str) -> Node:
        """The node of that name."""
        return _known(self.nodes, "node", name)

    def bucket(self, name: str) -> Bucket:
        """The bucket of that name."""
        return _known(self.buckets, "bucket", name)

    @cached_property
    def _members(self) -> Mapping[str, tuple[Node, ...]]:
        members: dict[str, list[Node]] = {}
        for node in sorted(self.nodes.values(), key=lambda n: n.name):
            if node.state != "removed" and node.region in self.regions:
                members.setdefault(node.set, []).append(node)
        return {name: tuple(nodes) for name, nodes in members.items()}

    def members(self, set_name: str) -> tuple[Node, ...]:
        """The nodes of a set that still count (active or draining), by name; empty for an unknown set."""
        return self._members.get(set_name, ())

    def peers(self, node_name: str) -> list[Node]:
        """The other members of a node's set, nearest first."""
        me = self.node(node_name)
        here = self.region(me.region).position
        others = [n for n in self.members(me.set) if n.name != node_name]
        return sorted(others, key=lambda n: distance_km(here, self.region(n.region).position))

    def nearest_members(self, set_name: str, region: str) -> list[Node]:
        """A set's members, nearest to `region` first."""
        here = self.region(region).position
        return sorted(self.members(set_name), key=lambda n: distance_km(here, self.region(n.region).position))


def _known(entries: Mapping[str, E], kind: str, name: str) -> E:
    entry = entries.get(name)
    if entry is None:
        raise NotFound(f"There is no {kind} {name!r}.", **{kind: name[:80]})
    return entry
