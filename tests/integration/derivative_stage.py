"""Pictures on nodes whose derivatives are asked for: real rendering workers behind the reading half."""

from __future__ import annotations

import io
import time
from typing import Any

from PIL import Image
from read_cluster import KEYS, PUBLIC, Answer, ReadCluster, ReadNode, path_of

from atoll.model import AssetRecord, Bucket
from atoll.transformation.paths import parse_node_path
from atoll.transformation.signature import sign

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
NAMES = {"thumb": "c_fill,h_60,w_60", "auto": "c_fit,f_auto,w_80"}
OPEN, NARROW, CLOSED = "open-pictures", "narrow-pictures", "secrets"


def target_of(record: AssetRecord, transformation: str) -> str:
    """The URL path, with the transformation as it is given."""
    _, bucket, rest = path_of(record).split("/", 2)
    return f"/{bucket}/{transformation}/{rest}"


def signed(target: str, seconds: int = 3600) -> str:
    """With a signature of its canonical form."""
    return f"{target}?{sign(parse_node_path(target).spelt, int(time.time()) + seconds, KEYS)}"


def picture_of(answer: Answer) -> Image.Image:
    """What came, decoded."""
    assert answer.status == 200, (answer.status, answer.body[:500])
    return Image.open(io.BytesIO(answer.body))


def allow(cluster: ReadCluster, **policy: Any) -> None:
    """Buckets: `PUBLIC` knows names, `OPEN` lets anybody ask for anything."""
    cluster.change(
        Bucket(PUBLIC, transformations=NAMES, **policy),
        Bucket(OPEN, unsigned_transformations=True, transformations=NAMES, **policy),
    )


def renders(node: ReadNode, result: str = "done") -> int:
    """How many renderings ended so."""
    return node.side.derived.counts.renders[result]
