"""What the stand-in cluster remembers: nodes with their blobs, assets, used tickets. No HTTP, no I/O."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from PIL import Image

from atoll.bucket import Bucket
from atoll.errors import NotFound, Undecodable
from atoll.ids import new_id, now_ms
from atoll.model import AssetRecord, Blob, Location, Node, Picture, Position, Region
from atoll.node_api import handle_of
from atoll.placement import distance_km
from atoll.signing import Keys

SET, BUCKET = "s1", "photos"
REGIONS = (
    Region("eu-central", 50.11, 8.68),
    Region("us-east", 38.95, -77.45),
    Region("ap-southeast", 1.35, 103.82),
)
_EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}


@dataclass
class NodeState:
    """One node: the bytes it holds by path, and the tickets it has seen."""

    node: Node
    blobs: dict[str, bytes] = field(default_factory=dict)
    tickets: dict[str, AssetRecord] = field(default_factory=dict)


@dataclass
class State:
    """The whole. `replicates`: whether an upload is in all regions at once, or where it was sent only."""

    keys: Keys = field(default_factory=lambda: Keys(b"0" * 32))
    nodes: dict[str, NodeState] = field(default_factory=dict)
    assets: dict[str, AssetRecord] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=lambda: {BUCKET: Bucket(BUCKET)})
    replicates: bool = True
    ticket_ms: int = 300_000
    tickets_issued: int = 0

    def asset(self, asset_id: str) -> AssetRecord:
        """The asset, or NotFound."""
        if asset_id not in self.assets:
            raise NotFound("There is no such asset.", asset_id=asset_id)
        return self.assets[asset_id]

    def by_distance(self, client: Position) -> list[Node]:
        """All nodes, nearest first."""
        places = {region.name: region.position for region in REGIONS}
        nodes = [state.node for state in self.nodes.values()]
        return sorted(nodes, key=lambda node: distance_km(client, places[node.region]))

    def holders(self, path: str) -> list[str]:
        """The nodes that hold these bytes."""
        return [name for name, state in self.nodes.items() if path in state.blobs]

    def locations(self, record: AssetRecord) -> tuple[Location, ...]:
        """Where an asset's bytes are."""
        nodes = [self.nodes[name].node for name in self.holders(path_of(record))]
        return tuple(Location(n.name, n.region, record.created_at, record.created_at) for n in nodes)

    def replicate(self) -> None:
        """Every node gets what any node has."""
        everything = {path: body for state in self.nodes.values() for path, body in state.blobs.items()}
        for state in self.nodes.values():
            state.blobs.update(everything)

    def store(self, name: str, record: AssetRecord, body: bytes) -> None:
        """A node takes an upload."""
        self.nodes[name].blobs[path_of(record)] = body
        self.assets[record.asset_id] = record
        if self.replicates:
            self.replicate()


def path_of(record: AssetRecord) -> str:
    """The blob's path on every node."""
    return f"/{record.bucket}/{handle_of(record)}"


def inspect(body: bytes, bucket: str, sha256: str) -> Blob:
    """The blob that these bytes are; Undecodable when they are no picture."""
    try:
        with Image.open(io.BytesIO(body)) as image:
            picture, kind = Picture(*image.size), image.format or ""
    except OSError as error:
        raise Undecodable("The image cannot be decoded.") from error
    return Blob(bucket, sha256, _EXTENSIONS[kind], len(body), picture)  # type: ignore[arg-type]  # one of them


def a_version() -> str:
    """A new version."""
    return new_id(now_ms())
