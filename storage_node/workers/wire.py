"""What home and a worker say to each other: the names of the calls, and what their bodies are. Pure.

| call        | by     | body → answer                                                     |
|-------------|--------|-------------------------------------------------------------------|
| commit      | worker | `UploadCommit` → `AssetRecord`, durable                            |
| acknowledge | worker | `Stored` → `AssetView`: what else the ticket asked for             |
| judge       | worker | `Doubt` → a `Verdict`'s word                                       |
| derive      | worker | the path of a `Question` → `Derived`                               |
| find        | worker | the path of a `Question` → its `Derivative`, or none               |
| forget      | home   | the (bucket, sha256) of blobs → nothing, once they are forgotten   |
| map         | home   | `MapNews` → nothing                                                |
| metrics     | home   | nothing → `Family`s                                                |
| stop        | home   | nothing → nothing; the worker ends its requests, and then itself   |
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from atoll.access import AccessKey, SigningKey, UploadKey
from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.model import AssetRecord, Extension, Node, Region, ReplicaSet
from atoll.signing import Ticket
from storage_node.commits import UploadCommit as UploadCommit
from storage_node.derivative import Derivative

COMMIT, ACKNOWLEDGE, JUDGE, DERIVE, FIND = "commit", "acknowledge", "judge", "derive", "find"
FORGET, MAP, METRICS, STOP = "forget", "map", "metrics", "stop"

T = TypeVar("T")
Blobs = list[tuple[str, str]]  # (bucket, sha256)


class Stored(Struct, frozen=True):
    """An upload that is durable on this node."""

    record: AssetRecord
    ticket: Ticket


class Doubt(Struct, frozen=True):
    """A copy that a reader found bad."""

    bucket: str
    sha256: str
    ext: Extension
    reason: str


class Derived(Struct, frozen=True):
    """A derivative and its bytes; None when they are too many for the link. `origin` as in `Made`."""

    derivative: Derivative
    body: bytes | None
    origin: str


class Family(Struct, frozen=True):
    """A metric of one process. Each sample: name, labels, value."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, dict[str, str], float]]


class MapNews(Struct, frozen=True):
    """A cluster map as a whole."""

    regions: dict[str, Region]
    nodes: dict[str, Node]
    sets: dict[str, ReplicaSet]
    buckets: dict[str, Bucket]
    keys: dict[str, AccessKey]
    signing: dict[str, SigningKey]
    upload_keys: dict[str, UploadKey]


def map_news(cluster: ClusterMap) -> bytes:
    """The body of `map`."""
    fields = MapNews.__struct_fields__
    return encode(MapNews(*(dict(getattr(cluster, name)) for name in fields)))


def map_of(body: bytes) -> ClusterMap:
    """What `map_news` made."""
    news = decode(body, MapNews)
    return ClusterMap(*(getattr(news, name) for name in MapNews.__struct_fields__))


def encode(value: Any) -> bytes:
    """A body."""
    return _encoder.encode(value)


def decode(body: bytes, kind: type[T]) -> T:
    """The value of a body."""
    return msgspec.msgpack.decode(body, type=kind)


_encoder = msgspec.msgpack.Encoder()
