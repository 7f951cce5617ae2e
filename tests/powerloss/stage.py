"""Who plays in a story: a node on the disk that loses power, and a peer that has what can be pulled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lossy_disk import LossyDisk
from node_fixture import NodeProcess, new_region
from powered_node import PoweredNode, share_secret

QUIET = {"ram_cache_bytes": 0, "inspectors": 1, "faces": "off"}


@dataclass
class Stage:
    """The node that suffers, on `disk`, and a peer that has what can be pulled."""

    disk: LossyDisk
    node: PoweredNode
    peer: NodeProcess


@contextmanager
def staged(disk: LossyDisk, directory: Path, nats_url: str, forgets: str | None = None) -> Iterator[Stage]:
    node = PoweredNode(directory / "node", nats_url, new_region(), dict(QUIET), disk=disk, forgets=forgets)
    peer = NodeProcess(directory / "peer", nats_url, new_region(), dict(QUIET))
    share_secret(node, peer)
    with ExitStack() as stack:
        stack.callback(node._reap)
        stack.callback(peer._reap)
        yield Stage(disk, node, peer)
