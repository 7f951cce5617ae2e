"""A small cluster for tests of the query service: three regions, two sets, health as the test says."""

from __future__ import annotations

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.health import HealthTable
from atoll.heartbeat import Heartbeat
from atoll.model import AssetRecord, Blob, Location, Node, Picture, Position, Region, ReplicaSet
from atoll.signing import Keys
from query_service.catalog_asset import CatalogAsset

KEYS = Keys(b"k" * 32)
SHA = "ab" * 32
ASSET_ID = "0" * 25 + "a"
REGIONS = (Region("eu", 50.1, 8.7), Region("us", 39.0, -77.5), Region("asia", 1.3, 103.8))
NODES = tuple(Node(f"{r.name}-1", r.name, "main", f"http://{r.name}-1:8080") for r in REGIONS)
BUCKETS = (
    Bucket("photos"),
    Bucket("secret", "private"),
    Bucket("tiny", "public", max_bytes=1000, max_pixels=10_000, allowed=("png",)),
)
EU, US, ASIA = (r.position for r in REGIONS)
PARIS = Position(48.85, 2.35)


def cluster(*more: Region | Node | ReplicaSet | Bucket) -> ClusterMap:
    return ClusterMap.of([*REGIONS, *NODES, ReplicaSet("main"), *BUCKETS, *more])


def beat(node: Node, **changes: object) -> Heartbeat:
    facts: dict[str, object] = {
        "node": node.name, "region": node.region, "set": node.set, "url": node.url, "at": 0, "version": "1",
        "state": "ready", "read_only": False, "load": 0.1, "bytes_total": 1000, "bytes_free": 500,
        "blobs": 1, "outbox": 0, "outbox_age_ms": 0,
    }  # fmt: skip
    return Heartbeat(**{**facts, **changes})  # type: ignore[arg-type]  # facts of a test


def health_of(*healthy: Node, at: float = 100.0) -> HealthTable:
    table = HealthTable()
    for node in healthy:
        table.heard(beat(node), at)
    return table


def asset(
    *holders: Node, bucket: str = "photos", version: str = "1" * 26, asset_id: str = ASSET_ID
) -> CatalogAsset:
    blob = Blob(bucket, SHA, "jpg", 10, Picture(4, 3))
    record = AssetRecord(asset_id, "cats/tom", version, "main", blob, 1_700_000_000_000)
    return CatalogAsset(record, tuple(Location(n.name, n.region, 1, 1) for n in holders))
