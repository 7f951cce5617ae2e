"""What all of a worker stands on: as ground.py is for home, without what exists once."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from atoll.node_client import NodeClient
from atoll.signing import Keys
from storage_node.blob_locks import BlobLocks
from storage_node.index_reads import IndexReads
from storage_node.membership import Membership
from storage_node.origin import Origin
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.store import BlobStore
from storage_node.workers.board import Board
from storage_node.workers.link import Link
from storage_node.workers.map_view import FollowedMap


@dataclass(frozen=True)
class Premises:
    """Everything is made by app.py here, which owns it. `settings` are this process's share."""

    settings: NodeSettings
    origin: Origin
    keys: Keys
    store: BlobStore
    index: IndexReads
    locks: BlobLocks
    board: Board
    space: SpaceGuard
    cluster: FollowedMap
    membership: Membership
    client: NodeClient
    readers: Executor
    cleaner: Executor  # takes no blob's lock (commits.py)
    writers: Executor
    registry: CollectorRegistry
    link: Link
