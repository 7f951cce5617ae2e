"""What all sides of a node stand on: its disk, its keys, its place in the cluster, its threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from atoll.health import State
from atoll.node_client import NodeClient
from atoll.signing import Keys
from storage_node.blob_locks import BlobLocks
from storage_node.derivative_store import DerivativeStore
from storage_node.disk_probe import DiskHealth, TrustedDisk
from storage_node.index import Index
from storage_node.membership import Membership
from storage_node.memories import Memories, NoOthers
from storage_node.origin import Origin
from storage_node.peers import MapView
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.store import BlobStore
from storage_node.text_fonts import Fonts, package_families
from storage_node.workers.board import Board


@dataclass(frozen=True)
class Ground:
    """Everything is made by app.py, which owns it."""

    settings: NodeSettings
    origin: Origin
    keys: Keys
    store: BlobStore
    index: Index
    locks: BlobLocks
    cluster: MapView
    client: NodeClient
    readers: Executor
    writers: Executor
    registry: CollectorRegistry
    space: SpaceGuard
    derivatives: DerivativeStore
    disk: DiskHealth = field(default_factory=TrustedDisk)
    peer_state: Callable[[str], State] = lambda _: "unknown"
    membership: Membership | None = None
    fonts: Fonts = field(default_factory=lambda: Fonts(package_families()))
    memories: Memories = field(default_factory=NoOthers)
    board: Board | None = None
