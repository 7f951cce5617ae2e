"""What lies where: images of each set, copies on each node, bytes between regions. Pure.

Images are only ever added, copies only made from copies that are there or lost with their node; `check`
holds the books against each other after every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from atoll.model import Node


class Stock:
    """`image_bytes`: of each image. `traffic` is bytes by (from region, to region)."""

    def __init__(self, image_bytes: int) -> None:
        self.image_bytes = image_bytes
        self.uploaded = self.made = self.lost = 0  # images, copies made between nodes, copies lost
        self.of_set: Counter[str] = Counter()
        self.traffic: Counter[tuple[str, str]] = Counter()
        self._on: Counter[str] = Counter()

    def on(self, node: str) -> int:
        """Images that a node holds."""
        return self._on[node]

    def bytes_on(self, node: str) -> int:
        """The same in bytes."""
        return self._on[node] * self.image_bytes

    def lacking(self, node: Node) -> int:
        """Images of its set that a node does not hold."""
        return self.of_set[node.set] - self._on[node.name]

    def upload(self, node: Node, images: int) -> None:
        """New images on one node."""
        self.uploaded += images
        self.of_set[node.set] += images
        self._on[node.name] += images

    def copy(self, source: Node, target: Node, images: int) -> None:
        """From one member of a set to another. ValueError for what is not there, or there already."""
        if source.set != target.set or images > self._on[source.name] or images > self.lacking(target):
            raise ValueError(f"{target.name} cannot have {images} more images from {source.name}")
        self.made += images
        self._on[target.name] += images
        self.traffic[source.region, target.region] += images * self.image_bytes

    def lose(self, node: Node) -> None:
        """A node's disk is gone."""
        self.lost += self._on.pop(node.name, 0)

    def check(self, nodes: Iterable[Node]) -> None:
        """RuntimeError when images or copies came from nowhere or went nowhere."""
        nodes = list(nodes)
        if self.uploaded != sum(self.of_set.values()):
            raise RuntimeError("the sets hold other images than were uploaded")
        if self.uploaded + self.made - self.lost != sum(self._on.values()):
            raise RuntimeError("there are other copies than were made")
        if sum(self.traffic.values()) != self.made * self.image_bytes:
            raise RuntimeError("other bytes moved than were copied")
        if any(self.lacking(node) < 0 for node in nodes):
            raise RuntimeError("a node holds more than there is")
