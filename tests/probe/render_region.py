"""Three real nodes in one region, with a picture on them, and the workers that render there."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from node_fixture import BUCKET, Answer, NodeProcess, new_region, until
from own_nats import OwnNats
from PIL import Image
from powered_node import share_secret
from public_bucket import open_bucket

from atoll.bucket import Bucket

SETTINGS = {"inspectors": 1, "faces": "off", "renderers": 1, "owner_seconds": 5.0}
OPEN = Bucket(BUCKET, unsigned_transformations=True, transformations={"thumb": "c_fill,h_40,w_40"})
SLOW = "e_blur:400,w_1800"  # of a large picture: most of a second


@dataclass
class RenderRegion:
    """The nodes, which know each other."""

    nats: OwnNats
    nodes: list[NodeProcess]

    def upload(self, body: bytes, **ticket: object) -> str:
        """Upload to the first node; the path of the picture."""
        answer = self.nodes[0].put(body, self.nodes[0].ticket(**ticket))
        assert answer.status == 201, answer
        return str(answer.json["path"])

    def get(self, node: NodeProcess, path: str, transformation: str, **headers: str) -> Answer:
        return node.request("GET", transformed(path, transformation), headers=headers)

    def count(self, metric: str, *nodes: NodeProcess) -> int:
        """A figure of /metrics, summed over nodes (all of them)."""
        return sum(_figure(node, metric) for node in nodes or self.nodes)

    def renders(self, *nodes: NodeProcess) -> int:
        return self.count('atoll_node_derivative_renders_total{result="done"}', *nodes)

    def kept(self, node: NodeProcess) -> list[Path]:
        """Files of derivatives."""
        found = (node.data / "derivatives").rglob("*")
        return [p for p in found if p.is_file() and not p.name.startswith("derivatives.db")]


def transformed(path: str, transformation: str) -> str:
    _, bucket, rest = path.split("/", 2)
    return f"/{bucket}/{transformation}/{rest}"


def _figure(node: NodeProcess, metric: str) -> int:
    text = node.request("GET", "/metrics").json.decode()
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    assert found, f"{metric} is not in {text}"
    return int(float(found[1]))


def rendering_workers(node: NodeProcess) -> list[psutil.Process]:
    """The node's children that render."""
    assert node.process is not None
    children = psutil.Process(node.process.pid).children(recursive=True)
    found = []
    for child in children:
        with contextlib.suppress(psutil.Error):
            if any("render_worker" in word for word in child.cmdline()):
                found.append(child)
    return found


def decoded(answer: Answer) -> Image.Image:
    assert answer.status == 200, answer
    return Image.open(io.BytesIO(answer.json))


@contextlib.contextmanager
def render_region(directory: Path, count: int = 3) -> Iterator[RenderRegion]:
    """Running; each node can read the bucket and knows the others."""
    nats = OwnNats(directory, user="test", password="of-this-test")
    nats.start()
    url, name = f"nats://test:of-this-test@127.0.0.1:{nats.port}", new_region()
    nodes = [NodeProcess(directory / f"node-{n}", url, name, dict(SETTINGS)) for n in range(count)]
    for node in nodes[1:]:
        share_secret(nodes[0], node)
    try:
        for node in nodes:
            node.launch()
        for node in nodes:
            until(node._serves, lambda node=node: node.log[-2000:])
        region = RenderRegion(nats, nodes)
        open_bucket(nodes[0], OPEN)
        _acquainted(region)
        yield region
        for node in nodes:
            node.end()
    finally:
        for node in nodes:
            node._reap()
        nats.kill()


def _acquainted(region: RenderRegion) -> None:
    """Every node gets another's picture from any of the others: the map has reached all."""
    out = io.BytesIO()
    Image.new("RGB", (30, 20), (9, 99, 199)).save(out, "PNG")
    path = region.upload(out.getvalue())
    for node in region.nodes:
        until(lambda node=node: node.request("GET", path).status == 200, lambda: "a node knows nobody")
